import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunningProcess, startProcess } from '../../test/support/process.ts';
import { scratch } from '../../test/support/scratch.ts';
import { shippedOptions } from '../../test/support/shipped-options.ts';
import { type Authority, makeAuthority } from '../../test/support/tls.ts';
import { liveHeap } from './live-heap.ts';

const ROOT = join(import.meta.dirname, '../..');

/** A server as a separate process. */
export interface Served {
	readonly pid: number;
	readonly port: number;
	/** Used MiB of the heap after a full garbage collection. */
	readonly liveHeap: () => Promise<number>;
}

/**
 * The built webhook with the Node options of its image, and a bare Node server that reads bodies and answers
 * a constant. Disposing stops both.
 */
export interface Pair extends AsyncDisposable {
	readonly authority: Authority;
	readonly webhook: Served;
	readonly bare: Served;
}

/** Starts both on free ports of the loopback address, with one certificate. */
export async function startPair(): Promise<Pair> {
	const { dir, remove } = await scratch('bench');
	const authority = await makeAuthority('Envtier bench CA');
	const leaf = await authority.issue();
	const files = [join(dir, 'tls.crt'), join(dir, 'tls.key')] as const;
	await writeFile(files[0], leaf.certPem);
	await writeFile(files[1], leaf.keyPem, { mode: 0o600 });
	const options = await shippedOptions();
	const running: RunningProcess[] = [];
	const end = async (): Promise<void> => {
		for (const one of running) await one.stop();
		await remove();
	};
	const start = async (name: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Served> => {
		const server = await startProcess({
			...{ name, command: process.execPath, args: ['--inspect=127.0.0.1:0', ...options, ...args] },
			env: { PATH: process.env['PATH'], ...env },
		});
		running.push(server);
		const port = (): string | undefined => /"port":([0-9]+)/.exec(server.stdout())?.[1];
		await server.waitUntil('it serves', port);
		const inspector = /ws:\/\/\S+/.exec(server.stderr())?.[0] ?? '';
		return { pid: server.pid, port: Number(port()), liveHeap: () => liveHeap(inspector) };
	};
	try {
		const webhook = await start('webhook', [join(ROOT, 'dist/webhook.mjs')], {
			ENVTIER_LISTEN: '127.0.0.1:0',
			ENVTIER_TLS_CERT_FILE: files[0],
			ENVTIER_TLS_KEY_FILE: files[1],
			ENVTIER_FETCHER_IMAGE: 'envtier-fetcher:bench',
			ENVTIER_VAULT_ADDR: 'https://vault.example:8200',
			ENVTIER_NATIVE_ENV: 'true',
		});
		const bare = await start('bare', [join(ROOT, 'bench/support/bare-server.ts'), ...files], {});
		return { authority, webhook, bare, [Symbol.asyncDispose]: end };
	} catch (thrown) {
		await end();
		throw thrown;
	}
}
