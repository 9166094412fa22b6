import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Answer, call } from './http.ts';
import { type BaoBinary, ensureBao } from './openbao-binary.ts';
import { freePort } from './ports.ts';
import { type RunningProcess, startProcess } from './process.ts';
import { type Scratch, scratch } from './scratch.ts';
import { type Authority, makeAuthority } from './tls.ts';
import { until } from './until.ts';

/** What goes with a request. */
export interface BaoCall {
	readonly body?: unknown;
	/** The root token unless given; '' sends none. */
	readonly token?: string;
	readonly namespace?: string;
	readonly headers?: Readonly<Record<string, string>>;
}

/** Anything that answers Vault's HTTP API: what the helpers that fill it need. */
export interface VaultApi {
	readonly rootToken: string;
	/** Sends one request; `path` comes without `/v1/`. Whatever the status, it is an answer. */
	request(method: string, path: string, what?: BaoCall): Promise<Answer>;
}

/** How to reach a server, in a form that passes between processes. */
export interface VaultAccess {
	readonly addr: string;
	readonly caPem: string;
	readonly rootToken: string;
}

/** Connects to a running server. */
export function vaultApi({ addr, caPem, rootToken }: VaultAccess): VaultApi {
	return {
		rootToken,
		request: (method, path, what = {}) => {
			const token = what.token ?? rootToken;
			return call({
				url: `${addr}/v1/${path}`,
				method,
				caPem,
				headers: {
					...(token === '' ? {} : { 'x-vault-token': token }),
					...(what.namespace === undefined ? {} : { 'x-vault-namespace': what.namespace }),
					...what.headers,
				},
				body: what.body,
			});
		},
	};
}

/** A real OpenBao (or Vault) of the test's own, over TLS, with KV v2 at `secret/`. */
export interface OpenBao extends VaultApi, AsyncDisposable {
	/** `https://127.0.0.1:port` */
	readonly addr: string;
	/** The CA of its certificate, as text and as a file. */
	readonly caPem: string;
	readonly caFile: string;
	/** Issued its certificate; may issue another for a proxy in front of it. */
	readonly authority: Authority;
	readonly binary: BaoBinary;
	/** A directory of its own for the test's files; gone after `stop`. */
	readonly dir: string;
	/** Unseals it, for a process that has only its address. */
	readonly unsealKey: string;
	pid(): number;
	output(): string;
	seal(): Promise<void>;
	unseal(): Promise<void>;
	/** Kills the process, like a crash; `start` restarts it. With `durable` it keeps its data. */
	kill(): Promise<void>;
	/** Starts it again on the same address after `kill`, and unseals it. */
	start(): Promise<void>;
	stop(): Promise<void>;
}

/** How to start it. */
export interface OpenBaoOptions {
	/**
	 * Keeps its data on disk (raft), so that it survives `kill` and `start`; takes a second or two. Default: in
	 * memory.
	 */
	readonly durable?: boolean;
	/** This machine's loopback and a free port unless given. */
	readonly place?: OpenBaoPlace;
	/** All requests go to the active node; otherwise a standby answers reads itself, as it does unless told. */
	readonly activeReads?: boolean;
}

/** Somewhere else: the network of a Kubernetes node. */
export interface OpenBaoPlace {
	readonly start: typeof startProcess;
	/** `address:port` to listen on. */
	readonly listen: string;
	/** `address:port` at which this process reaches it; becomes `addr`. */
	readonly reach: string;
	/** What clients call it: names and addresses for its certificate. */
	readonly names: readonly string[];
}

/**
 * Starts an OpenBao. Several can run at once. It does not use the user's files or variables
 * (`~/.vault-token`, `VAULT_*`, `BAO_*`).
 */
export async function startOpenBao(options: OpenBaoOptions = {}): Promise<OpenBao> {
	const binary = await ensureBao();
	const authority = await makeAuthority('Envtier test Vault CA');
	const files = await scratch('bao');
	try {
		const server = await listen(binary, files.dir, authority, options);
		return await prepare(server, { binary, authority, files });
	} catch (thrown) {
		await files.remove();
		throw thrown;
	}
}

/** A server that listens, and may be sealed yet. */
export interface Server {
	readonly addr: string;
	readonly process: RunningProcess;
	/** Starts another process in the place of the first. */
	again(): Promise<RunningProcess>;
}

async function loopback(): Promise<OpenBaoPlace> {
	const at = `127.0.0.1:${await freePort()}`;
	return { start: startProcess, listen: at, reach: at, names: [] };
}

/** How one member of a cluster differs from the first. */
interface Membership {
	/** Of raft, not of DNS. */
	readonly node: string;
	/** The address of a member; this one gets no vote on who leads. */
	readonly join: string;
}

/** Starts the server on a free port; someone may take the port in between, so it tries again. */
export async function listen(
	binary: BaoBinary,
	dir: string,
	ca: Authority,
	options: OpenBaoOptions,
	member?: Membership,
): Promise<Server> {
	const names = ['localhost', '127.0.0.1', '::1', ...(options.place?.names ?? [])];
	const leaf = await ca.issue({ names });
	await Promise.all([
		writeFile(join(dir, 'cert.pem'), leaf.certPem),
		writeFile(join(dir, 'key.pem'), leaf.keyPem, { mode: 0o600 }),
		writeFile(join(dir, 'ca.pem'), ca.certPem),
		mkdir(join(dir, 'data')),
	]);
	for (let attempt = 1; ; attempt++) {
		const place = options.place ?? (await loopback());
		const addr = `https://${place.reach}`;
		const cluster = options.durable === true ? `127.0.0.1:${await freePort()}` : undefined;
		const text = JSON.stringify(config(binary, dir, { address: place.listen, cluster }, options, member));
		await writeFile(join(dir, 'config.json'), text);
		const again = async (): Promise<RunningProcess> => {
			const running = await place.start({
				name: binary.kind,
				command: binary.path,
				args: ['server', `-config=${join(dir, 'config.json')}`],
				env: { PATH: process.env['PATH'], HOME: dir },
				cwd: dir,
			});
			try {
				await running.waitUntil('it listens', () =>
					call({ url: `${addr}/v1/sys/health`, caPem: ca.certPem }),
				);
				return running;
			} catch (thrown) {
				await running.stop();
				throw thrown;
			}
		};
		try {
			return { addr, process: await again(), again };
		} catch (thrown) {
			if (attempt === 5 || !String(thrown).includes('address already in use')) throw thrown;
		}
	}
}

function config(
	binary: BaoBinary,
	dir: string,
	{ address, cluster }: { readonly address: string; readonly cluster: string | undefined },
	{ activeReads }: OpenBaoOptions,
	{ node, join: leader }: Partial<Membership> = {},
): object {
	const tcp = {
		address,
		...(cluster === undefined ? {} : { cluster_address: cluster }),
		tls_cert_file: join(dir, 'cert.pem'),
		tls_key_file: join(dir, 'key.pem'),
	};
	const member = { leader_api_addr: leader, leader_ca_cert_file: join(dir, 'ca.pem') };
	const raft = {
		...{ path: join(dir, 'data'), node_id: node ?? 'one', performance_multiplier: '1' },
		...(leader === undefined ? {} : { retry_join: [member], retry_join_as_non_voter: true }),
	};
	return {
		storage: cluster === undefined ? { inmem: {} } : { raft },
		listener: [{ tcp }],
		api_addr: `https://${address}`,
		...(cluster === undefined ? { disable_clustering: true } : { cluster_addr: `https://${cluster}` }),
		...(binary.kind === 'vault' ? { disable_mlock: true } : { unsafe_allow_api_audit_creation: true }),
		...(activeReads === undefined ? {} : { disable_standby_reads: activeReads }),
		log_level: 'info',
	};
}

interface Fixture {
	readonly binary: BaoBinary;
	readonly authority: Authority;
	readonly files: Scratch;
}

/** Initializes and unseals a fresh server and mounts KV v2 at `secret/`. */
async function prepare(server: Server, fixture: Fixture): Promise<OpenBao> {
	const { addr } = server;
	const { authority, files } = fixture;
	const { dir } = files;
	const caPem = authority.certPem;
	const state = { process: server.process };
	// Before it is initialized there is no token.
	const send = vaultApi({ addr, caPem, rootToken: '' }).request;
	const end = async (): Promise<void> => {
		await state.process.stop();
		await files.remove();
	};
	try {
		const init = await send('PUT', 'sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
		const { root_token: rootToken, keys } = expectOk(init, 'sys/init') as InitAnswer;
		const { request } = vaultApi({ addr, caPem, rootToken });
		const unseal = async (): Promise<void> => {
			expectOk(await request('PUT', 'sys/unseal', { body: { key: keys[0] } }), 'sys/unseal');
			await until('OpenBao to be active', async () => (await request('GET', 'sys/health')).status === 200);
		};
		await unseal();
		const kv = { type: 'kv', options: { version: '2' } };
		expectOk(await request('POST', 'sys/mounts/secret', { body: kv }), 'sys/mounts/secret');
		await until('KV v2 to be ready', async () => (await request('GET', 'secret/config')).status === 200);
		return {
			...{ addr, caPem, caFile: join(dir, 'ca.pem'), authority, binary: fixture.binary, dir, rootToken },
			unsealKey: keys[0] ?? '',
			request,
			pid: () => state.process.pid,
			output: () => state.process.output(),
			seal: async () => void expectOk(await request('PUT', 'sys/seal'), 'sys/seal'),
			unseal,
			kill: async () => void (await state.process.stop(0)),
			start: async () => {
				state.process = await server.again();
				await unseal();
			},
			stop: end,
			[Symbol.asyncDispose]: end,
		};
	} catch (thrown) {
		await end();
		throw thrown;
	}
}

interface InitAnswer {
	readonly root_token: string;
	readonly keys: readonly string[];
}

/** The body of a 2xx answer; any other status is an error that shows what the server said. */
export function expectOk(answer: Answer, what: string): unknown {
	if (answer.status >= 200 && answer.status < 300) return answer.json;
	throw new Error(`${what}: HTTP ${answer.status} ${answer.text}`);
}
