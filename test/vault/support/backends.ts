import { afterAll, beforeAll, describe } from 'vitest';
import { must } from '../../support/openbao-setup.ts';
import type { Backend } from './backend.ts';
import { startEmbedded } from './embedded.ts';
import { startReal } from './real.ts';

const BACKENDS = [
	{ name: 'the embedded Vault', start: startEmbedded },
	{ name: 'OpenBao', start: startReal },
];

/** Runs the same tests on both backends, each started for them alone. */
export function describeOnBoth(what: string, tests: (vault: () => Backend) => void): void {
	describe.each(BACKENDS)(`${what}: $name`, ({ start }) => {
		let backend: Backend | undefined;
		beforeAll(async () => {
			backend = await start();
		});
		afterAll(() => backend?.[Symbol.asyncDispose]());
		tests(() => {
			if (backend === undefined) throw new Error('the backend is not started yet');
			return backend;
		});
	});
}

/** Logs in on the jwt mount; gives the token. */
export async function loginAs(
	vault: Backend,
	role: string,
	[namespace, serviceAccount]: readonly [string, string],
	vaultNamespace?: string,
): Promise<string> {
	const body = { role, jwt: vault.jwt(namespace, serviceAccount) };
	const where = vaultNamespace === undefined ? {} : { namespace: vaultNamespace };
	const answer = await must(vault, 'POST', 'auth/jwt/login', { token: '', body, ...where });
	return (answer as { auth: { client_token: string } }).auth.client_token;
}
