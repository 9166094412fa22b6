import type { VaultFileInput } from '../../../dev/vault/schema.ts';
import { startDevVault } from '../../../dev/vault/start.ts';
import { call } from '../../support/http.ts';
import { makeJwtSigner, serviceAccountClaims } from '../../support/jwt.ts';
import type { VaultApi } from '../../support/openbao.ts';
import { must } from '../../support/openbao-setup.ts';
import type { Backend } from './backend.ts';
import { POLICIES, ROLES, type Rules, TEAM_POLICY } from './house.ts';

/** Starts the embedded Vault with what house.ts describes. */
export async function startEmbedded(): Promise<Backend> {
	const content: VaultFileInput = {
		kv: { secret: '2', legacy: '1' },
		roles: Object.fromEntries(
			Object.entries(ROLES).map(([name, { serviceAccounts, namespaces, policies, ...role }]) => [
				name,
				{
					...role,
					serviceAccounts: [...serviceAccounts],
					namespaces: [...namespaces],
					policies: [...policies],
				},
			]),
		),
		policies: Object.fromEntries(Object.entries(POLICIES).map(([name, rules]) => [name, asInput(rules)])),
		namespaces: {
			team: {
				roles: { web: { audience: 'vault', policies: ['web'] } },
				policies: { web: asInput(TEAM_POLICY) },
				namespaces: { inner: {} },
			},
			crew: {},
		},
	};
	const vault = await startDevVault({ content });
	const request: VaultApi['request'] = (method, path, what = {}) => {
		const token = what.token ?? vault.rootToken;
		return call({
			url: `${vault.addr}/v1/${path}`,
			method,
			caPem: vault.caPem,
			headers: {
				...(token === '' ? {} : { 'x-vault-token': token }),
				...(what.namespace === undefined ? {} : { 'x-vault-namespace': what.namespace }),
				...what.headers,
			},
			body: what.body,
		});
	};
	const backend = { rootToken: vault.rootToken, request };
	const { sign } = makeJwtSigner();
	return {
		...backend,
		jwt: (namespace, account, overrides) => sign(serviceAccountClaims(namespace, account, overrides)),
		seal: async () => void (await must(backend, 'PUT', 'sys/seal')),
		unseal: async () => void (await must(backend, 'PUT', 'sys/unseal', { body: { key: vault.unsealKey } })),
		[Symbol.asyncDispose]: () => vault.close(),
	};
}

function asInput(rules: Rules) {
	return Object.fromEntries(Object.entries(rules).map(([pattern, allowed]) => [pattern, [...allowed]]));
}
