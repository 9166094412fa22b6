import type { VaultFileInput } from '../../../dev/vault/schema.ts';
import { startDevVault } from '../../../dev/vault/start.ts';
import { makeJwtSigner, serviceAccountClaims } from '../../support/jwt.ts';
import { vaultApi } from '../../support/openbao.ts';
import { must } from '../../support/openbao-setup.ts';
import type { Backend } from './backend.ts';
import { POLICIES, ROLES, type Rules, TEAM_POLICY } from './content.ts';

/** Starts the embedded Vault with what content.ts describes. */
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
	const api = vaultApi(vault);
	const { sign } = makeJwtSigner();
	return {
		...api,
		jwt: (namespace, account, overrides) => sign(serviceAccountClaims(namespace, account, overrides)),
		seal: async () => void (await must(api, 'PUT', 'sys/seal')),
		unseal: async () => void (await must(api, 'PUT', 'sys/unseal', { body: { key: vault.unsealKey } })),
		[Symbol.asyncDispose]: () => vault.close(),
	};
}

function asInput(rules: Rules) {
	return Object.fromEntries(Object.entries(rules).map(([pattern, allowed]) => [pattern, [...allowed]]));
}
