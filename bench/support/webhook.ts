import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { onPath, type RunningProcess, startProcess } from '../../test/support/process.ts';
import { shippedOptions } from '../../test/support/shipped-options.ts';
import { makeAuthority } from '../../test/support/tls.ts';
import type { Step } from './steps.ts';

const ROOT = join(import.meta.dirname, '../..');

/**
 * Servers run on the first core, and the load runs on the others. With one core, or without taskset, the
 * figures are less reliable.
 */
export const pinned =
	process.platform === 'linux' && availableParallelism() > 1 && onPath('taskset') !== undefined;

/** A server on the loopback interface, and its resource usage. */
export interface Server {
	readonly port: number;
	/** CA of its certificate. */
	readonly ca: string;
	/** CPU time of all its threads so far, in microseconds. */
	cpu(): Promise<number>;
	/** Maximum, current and unshared memory, in MiB. */
	memory(): Promise<Memory>;
	stop(): Promise<void>;
}

/** In MiB. */
export interface Memory {
	readonly peak: number;
	readonly now: number;
	readonly own: number;
}

const SUPPORT = join(ROOT, 'bench/support');

/**
 * Starts the built webhook as in its image, a bare server, or a server with the webhook's work up to a step.
 */
export async function startServer(which: 'webhook' | 'bare' | Step): Promise<Server> {
	const dir = await mkdtemp(join(tmpdir(), 'envtier-bench-'));
	const authority = await makeAuthority('Envtier bench CA');
	const leaf = await authority.issue();
	const [certificateFile, keyFile] = [join(dir, 'tls.crt'), join(dir, 'tls.key')];
	await writeFile(certificateFile, leaf.certPem);
	await writeFile(keyFile, leaf.keyPem, { mode: 0o600 });
	const programs = { webhook: [join(ROOT, 'dist/webhook.mjs')], bare: [join(SUPPORT, 'bare-server.ts')] };
	const program =
		which === 'webhook' || which === 'bare' ? programs[which] : [join(SUPPORT, 'steps-server.ts')];
	// The webhook reads its files from its settings and has no arguments.
	const more = which === 'webhook' ? [] : [certificateFile, keyFile, which];
	const args = [...(await shippedOptions()), ...program, ...more];
	const server = await startProcess({
		name: which,
		...(pinned
			? { command: 'taskset', args: ['-c', '0', process.execPath, ...args] }
			: { command: process.execPath, args }),
		env: {
			PATH: process.env['PATH'],
			ENVTIER_LISTEN: '127.0.0.1:0',
			ENVTIER_TLS_CERT_FILE: certificateFile,
			ENVTIER_TLS_KEY_FILE: keyFile,
			ENVTIER_FETCHER_IMAGE: 'envtier-fetcher:bench',
			ENVTIER_VAULT_ADDR: 'https://vault.example:8200',
			ENVTIER_DEFAULT_ORG: 'acme',
		},
	});
	const port = (): string | undefined => /"port":([0-9]+)/.exec(server.stdout())?.[1];
	await server.waitUntil('it serves', port);
	const found = port();
	return {
		port: Number(found),
		ca: authority.certPem,
		cpu: () => cpuOf(server),
		memory: () => memoryOf(server),
		stop: async () => {
			await server.stop();
			await rm(dir, { recursive: true, force: true });
		},
	};
}

/** Fields 14 and 15 of proc(5), in ticks of 10 ms. The name before them may contain blanks. */
async function cpuOf({ pid }: RunningProcess): Promise<number> {
	const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
	const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
	return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

async function memoryOf({ pid }: RunningProcess): Promise<Memory> {
	const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
	const mib = (field: string): number =>
		Number(new RegExp(`${field}:\\s+([0-9]+)`).exec(text)?.[1] ?? Number.NaN) / 1024;
	return { peak: mib('VmHWM'), now: mib('VmRSS'), own: mib('RssAnon') };
}
