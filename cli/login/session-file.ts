import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { err, ok, type Result } from '../../contract/result.ts';
import { object } from '../../lib/json.ts';

/** A session of a login, as its file keeps it. */
export interface StoredSession {
	/** The address of the API that the session is for. */
	readonly api: string;
	readonly issuer: string;
	readonly clientId: string;
	/** The API's audience: a refresh asks for the same one. */
	readonly audience: string;
	/** The token that the API gets. */
	readonly token: string;
	/** When it ends, in RFC 3339. */
	readonly expiresAt: string;
	/** Absent if the issuer gave none: then a new login is needed at the end. */
	readonly refreshToken?: string;
}

type Env = Readonly<Record<string, string | undefined>>;

const FIELDS = ['api', 'issuer', 'clientId', 'audience', 'token', 'expiresAt'] as const;
/** The longest wait for another process, the age of a lock that nobody holds, and a pause; in ms. */
const LOCK = { wait: 25_000, stale: 30_000, pause: 50 };

/** The file of the session for an API; undefined if the environment names no home directory. */
export function sessionFile(env: Env, api: string): string | undefined {
	const config = env['XDG_CONFIG_HOME'] || (env['HOME'] ? join(env['HOME'], '.config') : undefined);
	if (config === undefined || !config.startsWith('/')) return undefined;
	const name = createHash('sha256').update(api).digest('hex').slice(0, 16);
	return join(config, 'envtier', `session-${name}.json`);
}

/**
 * Reads a session; undefined if there is none. A file that others can read is an error: they may know its
 * token.
 */
export async function readSession(file: string): Promise<Result<StoredSession | undefined>> {
	try {
		const { mode } = await stat(file);
		if ((mode & 0o077) !== 0)
			return err(
				`${file} can be read by others: remove it, log out at the issuer, and run \`envtier login\``,
			);
		const content = object(JSON.parse(await readFile(file, 'utf8')));
		if (content === undefined || FIELDS.some((field) => typeof content[field] !== 'string'))
			return err(`${file} is no session: run \`envtier login\``);
		return ok(content as unknown as StoredSession);
	} catch (thrown) {
		const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'not JSON';
		if (code === 'ENOENT') return ok(undefined);
		return err(`${file} cannot be read (${code}): run \`envtier login\``);
	}
}

/** Writes a session to a file for its owner alone. It replaces the former one at once. */
export async function writeSession(file: string, session: StoredSession): Promise<void> {
	await mkdir(dirname(file), { recursive: true, mode: 0o700 });
	const temporary = `${file}.${randomBytes(4).toString('hex')}`;
	await writeFile(temporary, `${JSON.stringify(session, undefined, '\t')}\n`, { mode: 0o600, flag: 'wx' });
	await rename(temporary, file);
}

/** Removes a session. */
export async function removeSession(file: string): Promise<void> {
	await rm(file, { force: true });
}

/**
 * Runs `work` while no other process refreshes the session: issuers accept a refresh token once, and end the
 * whole session when it comes twice.
 */
export async function withSessionLock<T>(file: string, work: () => Promise<Result<T>>): Promise<Result<T>> {
	const lock = `${file}.lock`;
	const end = performance.now() + LOCK.wait;
	while (!(await take(lock))) {
		if (performance.now() > end) return err(`another process has held ${lock} for too long: remove it`);
		await sleep(LOCK.pause);
	}
	try {
		return await work();
	} finally {
		await rm(lock, { force: true });
	}
}

async function take(lock: string): Promise<boolean> {
	try {
		const handle = await open(lock, 'wx', 0o600);
		await handle.close();
		return true;
	} catch (thrown) {
		if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')) throw thrown;
	}
	const age = await stat(lock).then(
		({ mtimeMs }) => Date.now() - mtimeMs,
		// Its holder has ended meanwhile.
		() => 0,
	);
	// The process that held it was killed.
	if (age > LOCK.stale) await rm(lock, { force: true });
	return false;
}
