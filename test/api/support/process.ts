import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleOf } from '../../support/bundles.ts';
import { type RunningProcess, startProcess } from '../../support/process.ts';
import { type Authority, makeAuthority } from '../../support/tls.ts';
import type { Caller } from './api.ts';

/** The API as a process of its own, over TLS. */
export interface ApiProcess extends AsyncDisposable {
	/** `https://127.0.0.1:port` */
	readonly url: string;
	readonly caFile: string;
	readonly authority: Authority;
	readonly dir: string;
	readonly process: RunningProcess;
}

/** Starts the API as it ships, with these callers in its key file. */
export async function startApiProcess(
	env: Readonly<Record<string, string>>,
	callers: readonly Caller[],
): Promise<ApiProcess> {
	const dir = await mkdtemp(join(tmpdir(), 'envtier-api-'));
	const authority = await makeAuthority('Envtier test API CA');
	const leaf = await authority.issue();
	const file = async (name: string, text: string): Promise<string> => {
		await writeFile(join(dir, name), text, { mode: 0o600 });
		return join(dir, name);
	};
	const keys = callers.map(({ record }) => record);
	const started = await startProcess({
		name: 'api',
		command: process.execPath,
		args: [await bundleOf('api')],
		env: {
			ENVTIER_API_LISTEN: '127.0.0.1:0',
			ENVTIER_API_TLS_CERT_FILE: await file('tls.crt', leaf.certPem),
			ENVTIER_API_TLS_KEY_FILE: await file('tls.key', leaf.keyPem),
			ENVTIER_API_KEYS_FILE: await file('keys.json', JSON.stringify({ keys })),
			...env,
		},
	});
	const stop = async (): Promise<void> => {
		await started.stop();
		await rm(dir, { recursive: true, force: true });
	};
	const port = (): string | undefined => /"port":([0-9]+).*"msg":"serving"/.exec(started.stdout())?.[1];
	try {
		const caFile = await file('ca.crt', authority.certPem);
		await started.waitUntil('it serves', port);
		const url = `https://127.0.0.1:${port()}`;
		return { url, caFile, authority, dir, process: started, [Symbol.asyncDispose]: stop };
	} catch (thrown) {
		await stop();
		throw thrown;
	}
}
