import type { VaultFileInput } from '../../../dev/vault/schema.ts';
import { startDevVault } from '../../../dev/vault/start.ts';
import { makeJwtSigner, serviceAccountClaims } from '../../support/jwt.ts';
import {
	type OpenBao,
	type OpenBaoOptions,
	startOpenBao,
	type VaultApi,
	vaultApi,
} from '../../support/openbao.ts';
import {
	createNamespace,
	enableAuth,
	mountKv,
	mountTransit,
	writePolicy,
	writeRole,
} from '../../support/openbao-setup.ts';

/** A Vault to fetch from, with the mounts, policies and roles below and no secret yet. */
export interface Backend extends VaultApi, AsyncDisposable {
	readonly addr: string;
	readonly caPem: string;
	/** A token of service account `shop/web`, as an API server signs it. `overrides` replace claims. */
	jwt(overrides?: Readonly<Record<string, unknown>>): string;
	seal(): Promise<void> | void;
	unseal(): Promise<void> | void;
}

/** Reads the tiers of organization acme and deployment shop, in KV v2 at `secret/` and KV v1 at `legacy/`. */
const WEB = {
	'secret/metadata/orgs/acme/secrets/': ['list'],
	'secret/data/orgs/acme/secrets/+': ['read'],
	'secret/metadata/deployments/shop/*': ['list'],
	'secret/data/deployments/shop/*': ['read'],
	'legacy/orgs/acme/secrets/*': ['list', 'read'],
	'legacy/deployments/shop/*': ['list', 'read'],
	'transit/decrypt/envtier-deployment_shop_shop': ['update'],
	'transit/decrypt/envtier-namespace_shop': ['update'],
	'transit/decrypt/envtier-cluster': ['update'],
} as const;

/** Lists everything, reads the organization's tier only. */
const NARROW = {
	'secret/metadata/*': ['list'],
	'secret/data/orgs/acme/secrets/+': ['read'],
} as const;

/** Knows nothing of the deployment. */
const STRANGER = {
	'secret/metadata/orgs/acme/secrets/': ['list'],
	'secret/data/orgs/acme/secrets/+': ['read'],
} as const;

/** May do everything that a fetcher could ask for by mistake. */
const WIDE = {
	'transit/decrypt/*': ['update'],
	'secret/*': ['list', 'read'],
	'legacy/*': ['list', 'read'],
	'nowhere/*': ['list', 'read'],
} as const;

const POLICIES = { web: WEB, narrow: NARROW, stranger: STRANGER, wide: WIDE } as const;

/**
 * Roles for audience vault. OpenBao has two more: `pupil`, whose policy a test writes, and `batch`, with
 * batch tokens.
 */
const ROLES = [
	{ name: 'web', policy: 'web', account: 'web' },
	{ name: 'narrow', policy: 'narrow', account: 'web' },
	{ name: 'stranger', policy: 'stranger', account: 'web' },
	{ name: 'wide', policy: 'wide', account: 'web' },
	{ name: 'other', policy: 'web', account: 'other' },
] as const;

type Rules = Readonly<Record<string, readonly ('list' | 'read' | 'update')[]>>;

const asHcl = (rules: Rules): string =>
	JSON.stringify({
		path: Object.fromEntries(Object.entries(rules).map(([path, capabilities]) => [path, { capabilities }])),
	});

/** What the environment of a fetcher for deployment shop and service web says about a backend. */
export function vaultEnv(backend: { readonly addr: string; readonly caPem: string }) {
	return {
		ENVTIER_VAULT_ADDR: backend.addr,
		ENVTIER_VAULT_CA: backend.caPem,
		ENVTIER_VAULT_AUTH_MOUNT: 'jwt',
		ENVTIER_VAULT_ROLE: 'web',
		ENVTIER_ORG: 'acme',
		ENVTIER_DEPLOYMENT: 'shop',
		ENVTIER_SERVICE: 'web',
		ENVTIER_DEADLINE: '20',
	} as const;
}

/** Starts a real OpenBao. The namespace `team` has the same mounts, policies and roles. */
export async function startReal(options: OpenBaoOptions = {}): Promise<Backend & OpenBao> {
	const bao = await startOpenBao(options);
	const signer = makeJwtSigner();
	await createNamespace(bao, 'team');
	await mountTransit(bao);
	for (const namespace of [undefined, 'team']) {
		const place = namespace === undefined ? {} : { namespace };
		await mountKv(bao, 'legacy', 1, place);
		await enableAuth(bao, 'jwt', { ...place, config: { jwt_validation_pubkeys: [signer.publicKeyPem] } });
		for (const [name, rules] of Object.entries(POLICIES)) await writePolicy(bao, name, asHcl(rules), place);
		for (const { name, policy, account } of ROLES) {
			const role = {
				...{ role_type: 'jwt', user_claim: 'sub', bound_audiences: ['vault'], token_policies: [policy] },
				...{ bound_subject: `system:serviceaccount:shop:${account}`, token_ttl: '10m' },
			};
			await writeRole(bao, 'jwt', name, role, place);
		}
	}
	const shopWeb = 'system:serviceaccount:shop:web';
	for (const [name, more] of [
		['pupil', { token_policies: ['pupil'] }],
		['batch', { token_policies: ['web'], token_type: 'batch' }],
	] as const) {
		const bound = { bound_audiences: ['vault'], bound_subject: shopWeb };
		await writeRole(bao, 'jwt', name, { role_type: 'jwt', user_claim: 'sub', ...bound, ...more });
	}
	await enableAuth(bao, 'kubernetes', {
		config: {
			// Nobody answers there: what is refused before the TokenReview is refused for its own reason.
			...{ kubernetes_host: 'https://127.0.0.1:1', kubernetes_ca_cert: bao.caPem },
			...{ disable_local_ca_jwt: true, pem_keys: [signer.publicKeyPem] },
		},
	});
	for (const { name, policy, account } of ROLES) {
		await writeRole(bao, 'kubernetes', name, {
			...{ bound_service_account_names: [account], bound_service_account_namespaces: ['shop'] },
			...{ audience: 'vault', token_policies: [policy] },
		});
	}
	return { ...bao, jwt: (overrides) => signer.sign(serviceAccountClaims('shop', 'web', overrides)) };
}

/** Starts the embedded Vault, filled alike; `secrets` are those of organization acme. */
export async function startEmbedded(
	secrets: Readonly<Record<string, string>> = {},
): Promise<Backend & { readonly requests: readonly { connection: number }[] }> {
	const content: VaultFileInput = {
		kv: { secret: '2', legacy: '1' },
		policies: Object.fromEntries(
			Object.entries<Rules>(POLICIES).map(([name, rules]) => [
				name,
				Object.fromEntries(Object.entries(rules).map(([path, allowed]) => [path, [...allowed]])),
			]),
		),
		roles: Object.fromEntries(
			ROLES.map(({ name, policy, account }) => [
				name,
				{ serviceAccounts: [account], namespaces: ['shop'], audience: 'vault', policies: [policy] },
			]),
		),
	};
	const vault = await startDevVault({
		content: { ...content, orgs: { acme: secrets }, namespaces: { team: content } },
	});
	const signer = makeJwtSigner();
	return {
		...vaultApi(vault),
		addr: vault.addr,
		caPem: vault.caPem,
		requests: vault.requests,
		jwt: (overrides) => signer.sign(serviceAccountClaims('shop', 'web', overrides)),
		seal: vault.seal,
		unseal: vault.unseal,
		[Symbol.asyncDispose]: () => vault.close(),
	};
}
