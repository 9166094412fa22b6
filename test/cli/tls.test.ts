import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { expect, test } from 'vitest';
import { startProcess } from '../support/process.ts';
import { makeAuthority } from '../support/tls.ts';
import { envtier } from './support/command.ts';

const API = join(import.meta.dirname, '../../api/main.ts');

test('the API as a process, over TLS: trusted with its CA alone, given as text or as a file', async () => {
	await using dir = await mkdtempDisposable(join(tmpdir(), 'envtier-cli-'));
	const [authority, other] = [await makeAuthority(), await makeAuthority('Another CA')];
	const pair = await authority.issue();
	const file = async (name: string, text: string): Promise<string> => {
		await writeFile(join(dir.path, name), text, { mode: 0o600 });
		return join(dir.path, name);
	};
	await using api = await startProcess({
		name: 'api',
		command: process.execPath,
		args: [API],
		env: {
			ENVTIER_API_STORE: 'memory',
			ENVTIER_API_LISTEN: '127.0.0.1:0',
			ENVTIER_API_TLS_CERT_FILE: await file('tls.crt', pair.certPem),
			ENVTIER_API_TLS_KEY_FILE: await file('tls.key', pair.keyPem),
		},
	});
	const port = (): string | undefined => /"port":(\d+).*"msg":"serving"/.exec(api.stdout())?.[1];
	await api.waitUntil('it serves', port);
	const token = /organization "dev".*\n\s*!!\s+(\S+)/.exec(api.stderr())?.[1];
	expect(token, 'the key that it makes for trying out').toBeDefined();

	const list = (ca: string | undefined) =>
		envtier(['secrets', 'list', '--org', '-o', 'json'], {
			env: {
				ENVTIER_API_URL: `https://localhost:${port()}`,
				ENVTIER_API_TOKEN: token,
				...(ca === undefined ? {} : { ENVTIER_API_CA: ca }),
			},
		});
	for (const ca of [authority.certPem, await file('ca.pem', authority.certPem)]) {
		const { code, stdout, stderr } = await list(ca);
		expect([code, stdout, stderr]).toEqual([0, '[]\n', '']);
	}
	for (const ca of [undefined, other.certPem]) {
		const { code, stderr } = await list(ca);
		expect([code, stderr]).toEqual([
			8,
			expect.stringContaining('shows a certificate of a CA that is not trusted'),
		]);
		expect(stderr).not.toContain(token);
	}
}, 60_000);
