import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'vitest';
import { type ApiServer, startApiServer } from '../support/kubernetes/apiserver.ts';
import { type Cluster, expectStatus } from '../support/kubernetes/cluster.ts';
import { type Finished, type RunningProcess, runProcess, startProcess } from '../support/process.ts';

const ROOT = join(import.meta.dirname, '../..');
export const NAMESPACE = 'envtier-system';
export const SECRET = `/api/v1/namespaces/${NAMESPACE}/secrets/envtier-webhook-tls`;

/**
 * Describes behaviour on its own API server, which is stopped at the end. Skipped, with the reason, where
 * none can run.
 */
export async function describeOnApiServer(name: string, body: (server: ApiServer) => void): Promise<void> {
	const started = await startApiServer();
	if (started.ok) describe(name, () => body(started.value));
	else describe.skip(name, () => test(`needs an API server: ${started.error}`));
}

/** Runs the script as a person would, with this kubeconfig unless the arguments name another. */
export function certs(kubeconfig: string | undefined, ...args: readonly string[]): Promise<Finished> {
	return runProcess({
		name: 'certs',
		command: process.execPath,
		args: [join(ROOT, 'deploy/certs/main.ts'), ...args],
		env: { PATH: process.env['PATH'], ...(kubeconfig === undefined ? {} : { KUBECONFIG: kubeconfig }) },
		timeoutMs: 240_000,
	});
}

/** What the Secret holds. */
export interface Pair {
	readonly ca: string;
	readonly certificate: string;
	readonly key: string;
}

/** Reads the Secret; undefined when there is none. */
export async function readPair(cluster: Cluster): Promise<Pair | undefined> {
	const answer = await cluster.request<{ data: Record<string, string> }>('GET', SECRET);
	if (answer.status === 404) return undefined;
	const { data } = expectStatus(answer, 200, 'reading the Secret');
	const text = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString('utf8');
	return { ca: text('ca.crt'), certificate: text('tls.crt'), key: text('tls.key') };
}

/** Hands the Secret out as files, as a kubelet does. */
export interface Mounted {
	readonly dir: string;
	/** From now on changes of the Secret stay unseen, as with a kubelet that is slow. */
	pause(): void;
	resume(): void;
	stop(): Promise<void>;
}

const LOOK_EVERY_MS = 200;

/** Mounts the Secret below `dir`; the files are there when this resolves. */
export async function mountSecret(cluster: Cluster, dir: string): Promise<Mounted> {
	const state = { paused: false, stopped: false, last: '', version: 0 };
	const look = async (): Promise<void> => {
		const pair = state.paused ? undefined : await readPair(cluster);
		if (pair === undefined || JSON.stringify(pair) === state.last) return;
		state.last = JSON.stringify(pair);
		state.version += 1;
		await swap(dir, `..v${state.version}`, { 'tls.crt': pair.certificate, 'tls.key': pair.key });
	};
	await look();
	const loop = (async () => {
		while (!state.stopped) {
			await look();
			await sleep(LOOK_EVERY_MS);
		}
	})();
	return {
		dir,
		pause: () => {
			state.paused = true;
		},
		resume: () => {
			state.paused = false;
		},
		stop: async () => {
			state.stopped = true;
			await loop;
		},
	};
}

/**
 * As the kubelet does: writes a new folder and moves one link to it. The files are links through that link.
 */
async function swap(dir: string, version: string, files: Readonly<Record<string, string>>): Promise<void> {
	await mkdir(join(dir, version));
	for (const [name, text] of Object.entries(files)) await writeFile(join(dir, version, name), text);
	await symlink(version, join(dir, '..tmp'));
	await rename(join(dir, '..tmp'), join(dir, '..data'));
	if (version !== '..v1') return;
	for (const name of Object.keys(files)) await symlink(join('..data', name), join(dir, name));
}

/** Starts the webhook on this port of loopback with the mounted certificate. */
export function startWebhookWith(mounted: Mounted, port: number): Promise<RunningProcess> {
	return startProcess({
		name: 'webhook',
		command: process.execPath,
		args: [join(ROOT, 'webhook/main.ts')],
		env: {
			ENVTIER_LISTEN: `127.0.0.1:${port}`,
			ENVTIER_TLS_CERT_FILE: join(mounted.dir, 'tls.crt'),
			ENVTIER_TLS_KEY_FILE: join(mounted.dir, 'tls.key'),
			ENVTIER_FETCHER_IMAGE: 'envtier-fetcher:test',
			ENVTIER_VAULT_ADDR: 'https://vault.example:8200',
		},
	});
}

/** Something that is done again and again meanwhile. */
export interface Flow {
	readonly done: () => number;
	/** Ends it; gives what went wrong. */
	stop(): Promise<readonly string[]>;
}

/** Does `once` again and again, four at a time, until stopped; `once` gives what went wrong, if anything. */
export function flow(once: () => Promise<string | undefined>): Flow {
	const state = { stopped: false, done: 0 };
	const wrong: string[] = [];
	const loop = async (): Promise<void> => {
		while (!state.stopped) {
			const problem = await once().catch((thrown: unknown) => String(thrown));
			if (problem !== undefined) wrong.push(`after ${state.done}: ${problem}`);
			state.done += 1;
		}
	};
	const loops = Array.from({ length: 4 }, loop);
	return {
		done: () => state.done,
		stop: async () => {
			state.stopped = true;
			await Promise.all(loops);
			return wrong;
		},
	};
}
