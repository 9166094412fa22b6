import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { ensurePackages } from './debian.ts';
import { freePort } from './ports.ts';
import { type RunningProcess, runProcess, startProcess } from './process.ts';
import { scratch } from './scratch.ts';

/** A real PostgreSQL with its own data, on a loopback port and a Unix socket. */
export interface Postgres extends AsyncDisposable {
	readonly host: string;
	readonly port: number;
	/** The directory of its Unix socket. */
	readonly socketDir: string;
	/** The superuser, and the password of it. */
	readonly superuser: { readonly user: string; readonly password: string };
	/** `postgres://user:password@host:port/database`; the superuser and its database unless given. */
	url(user?: string, password?: string, database?: string): string;
	/** Runs statements as the superuser, and gives the rows of the last one. */
	sql(text: string, database?: string): Promise<readonly Record<string, unknown>[]>;
	/** The last MiB of its log: errors, and with `log` also connections and changes of the schema. */
	output(): string;
	/** All entries of its log so far, if it was started with `log: 'entries'`. */
	entries(): Promise<readonly PostgresLogEntry[]>;
	/** Kills it as a crash does; the data stay. */
	kill(): Promise<void>;
	/** Starts it again on the same port with the same data. */
	start(): Promise<void>;
}

/** One entry of the log (PostgreSQL's documentation, "Using JSON-Format Log Output"). */
export interface PostgresLogEntry {
	/** Such as `2026-11-28 12:00:00.123 UTC`. */
	readonly timestamp: string;
	readonly user?: string;
	readonly pid: number;
	readonly session_id: string;
	readonly error_severity: string;
	/** SQLSTATE. */
	readonly state_code?: string;
	readonly message: string;
}

const DEBIAN = '/usr/lib/postgresql';
const SUPERUSER = { user: 'postgres', password: 'superuser-of-the-test' };
/** Debian's user "nobody". PostgreSQL refuses to run as root. */
const NOBODY = 65_534;

/** The programs of the newest PostgreSQL on this machine; installs Debian's if that is possible. */
async function postgresPrograms(): Promise<string | undefined> {
	await ensurePackages(['postgresql'], (line) => void process.stderr.write(`[postgresql] ${line}\n`));
	const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
	return versions
		.map((version) => join(DEBIAN, version, 'bin'))
		.find((dir) => existsSync(join(dir, 'initdb')));
}

/** How to start it. */
export interface PostgresOptions {
	/**
	 * Logs connections, changes of the schema and of roles: to the output, or as `entries` to a file that has
	 * all of them.
	 */
	readonly log?: boolean | 'entries';
	/** Another address to listen on: that of a Kubernetes node, for its pods. */
	readonly host?: string;
	readonly start?: typeof startProcess;
}

const LOGGED = ['log_connections=on', 'log_statement=ddl', 'log_line_prefix=%m [%p] user=%u '];
const AS_ENTRIES = [
	...['logging_collector=on', 'log_destination=jsonlog', 'log_directory=log', 'log_timezone=UTC'],
	'log_disconnections=on',
];

/** Starts a PostgreSQL. Rejects where none can be installed. */
export async function startPostgres({
	log = false,
	host = '127.0.0.1',
	start: spawn = startProcess,
}: PostgresOptions = {}): Promise<Postgres> {
	const programs = await postgresPrograms();
	if (programs === undefined) throw new Error('PostgreSQL is not installed: apt-get install postgresql');
	const place = await scratch('postgres');
	const data = join(place.dir, 'data');
	const socketDir = join(place.dir, 'socket');
	const passwordFile = join(place.dir, 'password');
	await mkdir(data, { mode: 0o700 });
	await mkdir(socketDir);
	await writeFile(passwordFile, SUPERUSER.password, { mode: 0o600 });
	const root = process.getuid?.() === 0;
	if (root) for (const path of [place.dir, data, socketDir, passwordFile]) await chown(path, NOBODY, NOBODY);
	const as = (program: string, ...args: readonly string[]) => {
		const command = join(programs, program);
		// A change of the user clears the signal for the parent's death, so it is set after that change.
		const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--pdeathsig', 'KILL', '--'];
		return root
			? { command: 'setpriv', args: [...user, command, ...args], name: program }
			: { command, args, name: program };
	};
	const initdb = await runProcess(
		as(
			'initdb',
			...['--pgdata', data, '--username', SUPERUSER.user, '--pwfile', passwordFile],
			...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--no-locale', '--no-sync'],
		),
	);
	if (initdb.code !== 0) throw new Error(`initdb failed:\n${initdb.stdout}${initdb.stderr}`);
	await writeFile(
		join(data, 'pg_hba.conf'),
		'local all all scram-sha-256\nhost all all 0.0.0.0/0 scram-sha-256\n',
	);
	const port = await freePort();
	let running: RunningProcess | undefined;
	const url = (user = SUPERUSER.user, password = SUPERUSER.password, database = 'postgres'): string =>
		`postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
	const sql = async (text: string, database = 'postgres'): Promise<readonly Record<string, unknown>[]> => {
		// By the socket, which is also there if the network is another one.
		const client = new pg.Client({ ...SUPERUSER, host: socketDir, port, database });
		// A test may kill the server at any time.
		client.on('error', () => undefined);
		await client.connect();
		try {
			const result: unknown = await client.query(text);
			const last = Array.isArray(result) ? result.at(-1) : result;
			return (last as { rows: Record<string, unknown>[] }).rows;
		} finally {
			await client.end();
		}
	};
	const start = async (): Promise<void> => {
		running = await spawn(
			as(
				'postgres',
				...['-D', data, '-p', String(port), '-k', socketDir, '-c', `listen_addresses=${host}`],
				// The data outlive a killed server, which the tests need, but no power cut.
				...[
					'-c',
					'fsync=off',
					'-c',
					'max_connections=50',
					'-c',
					`log_min_messages=${log === false ? 'fatal' : 'log'}`,
				],
				...(log === false ? [] : LOGGED).flatMap((setting) => ['-c', setting]),
				...(log === 'entries' ? AS_ENTRIES : []).flatMap((setting) => ['-c', setting]),
			),
		);
		await running.waitUntil('it answers', () => sql('select 1').then(() => true));
	};
	try {
		await start();
	} catch (thrown) {
		await place.remove();
		throw thrown;
	}
	return {
		host,
		port,
		socketDir,
		superuser: SUPERUSER,
		url,
		sql,
		output: () => running?.output() ?? '',
		entries: async () => {
			const names = (await readdir(join(data, 'log'))).filter((name) => name.endsWith('.json')).sort();
			const texts = await Promise.all(names.map((name) => readFile(join(data, 'log', name), 'utf8')));
			return texts.flatMap((text) =>
				// The last line may not be complete yet.
				text
					.split('\n')
					.slice(0, -1)
					.map((line) => JSON.parse(line) as PostgresLogEntry),
			);
		},
		kill: async () => void (await running?.stop(0)),
		start,
		[Symbol.asyncDispose]: async () => {
			await running?.stop();
			await place.remove();
		},
	};
}
