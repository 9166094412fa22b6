import { rm } from 'node:fs/promises';
import type { ExitReason } from '../../../contract/exit-codes.ts';
import { serviceAccountToken } from '../../../dev/demo/run/token.ts';
import { type DevVault, type DevVaultOptions, startDevVault } from '../../../dev/vault/start.ts';
import { buildFetcher, makePod, type Pod, runFetcher } from '../../fetcher/support/fetcher.ts';
import { vaultApi } from '../../support/openbao.ts';
import { seal } from '../../support/openbao-setup.ts';
import { freePort } from '../../support/ports.ts';
import { makeAuthority } from '../../support/tls.ts';

/** A mistake that makes the fetcher fail. */
export interface Mishap {
	readonly reason: ExitReason;
	readonly content?: DevVaultOptions['content'];
	readonly audience?: string;
	/** Variables that differ from those of a pod for which all goes well. */
	readonly env?: Readonly<Record<string, string>>;
	/** What is done to the surroundings before the fetcher starts. */
	readonly before?: (vault: DevVault, pod: Pod) => unknown;
	/** What can't be known before. */
	readonly late?: (vault: DevVault) => Promise<Readonly<Record<string, string>>>;
}

const SECRETS = {
	orgs: { acme: { LOG_LEVEL: 'info' } },
	deployments: {
		shop: {
			secrets: { LOG_LEVEL: 'debug' },
			services: { web: { DATABASE_URL: 'postgres://db.shop.svc/shop' } },
		},
	},
};
const ROLE = { serviceAccounts: ['web'], namespaces: ['shop'], audience: 'vault' };

/** Failures by cause: at least one for each exit code that can be caused from outside. */
export const MISHAPS: Readonly<Record<string, Mishap>> = {
	'the token file is missing': { reason: 'settings', before: (_, pod) => rm(pod.tokenFile) },
	'the role does not exist': { reason: 'login-refused', content: { ...SECRETS, roles: { other: ROLE } } },
	'the role is bound to another service account': {
		reason: 'login-refused',
		content: { ...SECRETS, roles: { web: { ...ROLE, serviceAccounts: ['api'] } } },
	},
	'the role wants another audience': { reason: 'login-refused', audience: 'kubernetes' },
	'the policy does not allow the service tier': {
		reason: 'read-refused',
		content: {
			...SECRETS,
			roles: { web: { ...ROLE, policies: ['half'] } },
			policies: {
				half: {
					'secret/metadata/orgs/*': ['list'],
					'secret/data/orgs/*': ['read'],
					'secret/metadata/deployments/shop/secrets/': ['list'],
				},
			},
		},
	},
	'a required key exists nowhere': { reason: 'required-missing', env: { ENVTIER_REQUIRE: 'SESSION_KEY' } },
	'nothing listens at the address': {
		reason: 'unreachable',
		env: { ENVTIER_DEADLINE: '5' },
		late: async () => ({ ENVTIER_VAULT_ADDR: `https://127.0.0.1:${await freePort()}` }),
	},
	'Vault stays sealed': {
		reason: 'sealed',
		env: { ENVTIER_DEADLINE: '5' },
		before: (vault) => vault.seal(),
	},
	'the volume is not there': { reason: 'write-failed', before: (_, pod) => rm(pod.out, { recursive: true }) },
	'a value does not fit the format': {
		reason: 'secret-unusable',
		content: { ...SECRETS, orgs: { acme: { BANNER: `'"\`#` } } },
		env: { ENVTIER_FORMAT: 'dotenv' },
	},
	'the KV mount has another version': {
		reason: 'bad-answer',
		content: {
			...SECRETS,
			roles: { web: { ...ROLE, policies: ['all'] } },
			policies: { all: { 'secret/*': ['read', 'list'] } },
		},
		env: { ENVTIER_VAULT_KV_VERSION: '1', ENVTIER_TIERS: 'org' },
	},
	'a sealed value was copied from another deployment': {
		reason: 'not-opened',
		late: async (vault) => {
			const api = vaultApi(vault);
			await seal(api, 'its own', 'deployment', { namespace: 'shop', deployment: 'shop' });
			const copied = await seal(api, 'copied', 'deployment', { namespace: 'shop', deployment: 'blog' });
			return { ENVTIER_SEALED_API_TOKEN: copied };
		},
	},
	'a secret is named like a variable by which programs run code': {
		reason: 'code-variable',
		content: {
			...SECRETS,
			deployments: { shop: { secrets: { NODE_OPTIONS: '--require /tmp/x.js' }, services: { web: {} } } },
			roles: { web: ROLE },
		},
	},
	'the CA is another one': {
		reason: 'tls',
		late: async () => ({ ENVTIER_VAULT_CA: (await makeAuthority()).certPem }),
	},
};

/** How a mishap ended. */
export interface Ending {
	readonly code: number | null;
	/** The termination message, with the address of the documentation’s Vault and the paths of a pod. */
	readonly message: string;
}

/** Lets a mishap happen to the fetcher. */
export async function happen(mishap: Mishap): Promise<Ending> {
	const { audience = 'vault', content = { ...SECRETS, roles: { web: ROLE } } } = mishap;
	await using vault = await startDevVault({ content });
	const pod = await makePod(
		serviceAccountToken({ namespace: 'shop', serviceAccount: 'web', audience, seconds: 600 }),
	);
	try {
		await mishap.before?.(vault, pod);
		const env = {
			ENVTIER_VAULT_ADDR: vault.addr,
			ENVTIER_VAULT_CA: vault.caPem,
			ENVTIER_VAULT_ROLE: 'web',
			ENVTIER_ORG: 'acme',
			ENVTIER_DEPLOYMENT: 'shop',
			ENVTIER_SERVICE: 'web',
			...mishap.env,
			...(await mishap.late?.(vault)),
		};
		const { code, message } = await runFetcher(await buildFetcher(), pod, env);
		return { code, message: asInAPod(message, pod, env.ENVTIER_VAULT_ADDR) };
	} finally {
		await pod.scratch.remove();
	}
}

function asInAPod(message: string, pod: Pod, address: string): string {
	return message
		.replaceAll(address, 'https://vault.vault.svc:8200')
		.replaceAll(new URL(address).host, 'vault.vault.svc:8200')
		.replaceAll(pod.out, '/secrets')
		.replaceAll(pod.tokenFile, '/var/run/secrets/envtier.dev/token');
}
