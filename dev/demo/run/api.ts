import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { runProcess, startProcess } from '../../../test/support/process.ts';
import { makeAuthority } from '../../../test/support/tls.ts';
import { until } from '../../../test/support/until.ts';
import type { DevVault } from '../../vault/start.ts';
import { builtProgram } from './programs.ts';

/** The built secrets API as a separate process, and the built command to call it. */
export interface SecretsApi extends AsyncDisposable {
	/**
	 * Runs `envtier` with these arguments as a member of the organization. Returns its output. Rejects with its
	 * error output.
	 */
	envtier(args: readonly string[], input?: string): Promise<string>;
	/** The first audit line about a change of that key. It is written shortly after the response. */
	audited(key: string): Promise<AuditLine>;
}

/** Fields of an audit line. */
type AuditLine = Readonly<Record<'actor' | 'action' | 'scope' | 'key', unknown>>;

/**
 * Starts dist/api.mjs on a free port for that Vault, with a new certificate and one API key.
 *
 * @param dir an empty directory for certificate, keys and token
 * @param org the organization of the key
 */
export async function startSecretsApi(dir: string, vault: DevVault, org: string): Promise<SecretsApi> {
	const program = await builtProgram('api');
	const file = async (name: string, text: string): Promise<string> => {
		await writeFile(join(dir, name), text, { mode: 0o600 });
		return join(dir, name);
	};
	const authority = await makeAuthority('Envtier demo CA');
	const leaf = await authority.issue();
	const newKey = await runProcess({
		command: process.execPath,
		// The file already has secrets below the pod's deployment. Only a platform administrator may adopt such a
		// name.
		args: [program, '--new-key', '--subject', 'user:you', '--org', org, '--roles', 'platform_admin'],
	});
	const api = await startProcess({
		name: 'the secrets API',
		command: process.execPath,
		args: [program],
		env: {
			ENVTIER_API_LISTEN: '127.0.0.1:0',
			ENVTIER_API_TLS_CERT_FILE: await file('tls.crt', leaf.certPem),
			ENVTIER_API_TLS_KEY_FILE: await file('tls.key', leaf.keyPem),
			ENVTIER_API_KEYS_FILE: await file('keys.json', newKey.stdout),
			ENVTIER_API_VAULT_TOKEN_FILE: await file('vault-token', vault.rootToken),
			ENVTIER_VAULT_ADDR: vault.addr,
			ENVTIER_VAULT_CA: vault.caPem,
		},
	});
	const logLines = (): readonly Readonly<Record<string, unknown>>[] =>
		api
			.stdout()
			.split('\n')
			.filter((line) => line.startsWith('{'))
			.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
	const port = (): unknown => logLines().find(({ msg }) => msg === 'serving')?.['port'];
	const stop = async (): Promise<void> => void (await api.stop());
	try {
		await api.waitUntil('it serves', port);
	} catch (thrown) {
		await stop();
		throw thrown;
	}
	const env = {
		ENVTIER_API_URL: `https://127.0.0.1:${port()}`,
		ENVTIER_API_CA: await file('ca.crt', authority.certPem),
		ENVTIER_API_TOKEN_FILE: await file('key', newKey.stderr.trim()),
	};
	const command = await builtProgram('envtier');
	return {
		envtier: async (args, input = '') => {
			const { code, stdout, stderr } = await runProcess({
				command: process.execPath,
				args: [command, ...args],
				env,
				input,
			});
			if (code !== 0) throw new Error(`envtier ${args.join(' ')}: ${stderr.trim()}`);
			return stdout.trimEnd();
		},
		audited: (key) =>
			until(`the audit line about ${key}`, () =>
				logLines().find((line): line is AuditLine => line['type'] === 'audit' && line['key'] === key),
			),
		[Symbol.asyncDispose]: stop,
	};
}
