import { afterAll, beforeAll, describe, test } from 'vitest';
import { must } from '../../support/openbao-setup.ts';
import type { Backend } from './backend.ts';
import { borrowedVault, startBorrowed } from './borrowed.ts';
import { startEmbedded } from './embedded.ts';
import { startReal } from './real.ts';

const lent = borrowedVault();

const BACKENDS = [
	{ name: 'the embedded Vault', start: startEmbedded, ours: true },
	lent === undefined
		? { name: 'OpenBao', start: startReal, ours: true }
		: { name: `the Vault at ${lent.addr}`, start: () => startBorrowed(lent), ours: false },
];

/** Starts the real server that is compared with the embedded Vault. */
export const startOther = BACKENDS[1]?.start ?? startReal;

/** What a test asks of a backend, beside requests. */
type Needs = 'sealing' | 'namespaces';

/**
 * Runs the same tests on both backends, each started for them. With a Vault of your own (see borrowed.ts)
 * tests that need more than mounts are skipped, and the run reports that.
 */
export function describeOnBoth(
	what: string,
	tests: (vault: () => Backend, backend: { readonly ours: boolean }) => void,
	needs?: Needs,
): void {
	describe.each(BACKENDS)(`${what}: $name`, ({ start, ours }) => {
		if (!ours && needs !== undefined) {
			test.skip(`needs ${needs}, which tests leave alone on somebody’s own Vault`);
			return;
		}
		let backend: Backend | undefined;
		beforeAll(async () => {
			backend = await start();
		});
		afterAll(() => backend?.[Symbol.asyncDispose]());
		tests(
			() => {
				if (backend === undefined) throw new Error('the backend is not started yet');
				return backend;
			},
			{ ours },
		);
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
