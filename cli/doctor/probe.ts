import type { V1Pod } from '@kubernetes/client-node';
import { ANNOTATION_PREFIX, INJECTED } from '../../contract/names.ts';
import type { SealScope } from '../../contract/sealed.ts';
import { TIERS, type Tier } from '../../contract/tiers.ts';

/** The tiers that the probe pod asks for, from the command line. */
export interface ProbeOptions {
	readonly serviceAccount: string;
	readonly deployment?: string | undefined;
	readonly service?: string | undefined;
	readonly org?: string | undefined;
	readonly role?: string | undefined;
	/** The scopes of the pod's sealed values; none by default. */
	readonly sealed?: readonly SealScope[] | undefined;
}

/** The deployment's name if the command line has none. Then only the webhook's response matters. */
const PLACEHOLDER_DEPLOYMENT = 'envtier-doctor';

/**
 * A syntactically valid ciphertext that no key decrypts. It shows whether a pod may decrypt, without
 * decrypting a value.
 */
export const DUMMY_CIPHERTEXT = 'vault:v1:AAAA';

/** A pod that asks for secrets and passes Pod Security "restricted". It is sent as a dry run only. */
export function probePod(options: ProbeOptions): V1Pod {
	const annotations = Object.entries({
		deployment: options.deployment ?? PLACEHOLDER_DEPLOYMENT,
		service: options.service,
		org: options.org,
		role: options.role,
		// The webhook injects the transit mount only into a pod with a sealed value.
		'sealed.DOCTOR': options.sealed === undefined ? undefined : DUMMY_CIPHERTEXT,
	}).filter(([, value]) => value !== undefined);
	return {
		apiVersion: 'v1',
		kind: 'Pod',
		metadata: {
			generateName: 'envtier-doctor-',
			annotations: Object.fromEntries(
				annotations.map(([name, value]) => [ANNOTATION_PREFIX + name, value ?? '']),
			),
		},
		spec: {
			serviceAccountName: options.serviceAccount,
			restartPolicy: 'Never',
			securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
			containers: [
				{
					name: 'probe',
					image: 'envtier-doctor:never-pulled',
					// A quota of the namespace may require resources.
					resources: { requests: { cpu: '1m', memory: '1Mi' }, limits: { cpu: '1m', memory: '1Mi' } },
					securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
				},
			],
		},
	};
}

/** The settings that the webhook injects for a pod's fetcher: where Vault is and how pods log in. */
export interface InjectedSettings {
	readonly address: string;
	readonly ca: string | undefined;
	readonly tlsName: string | undefined;
	readonly proxy: string | undefined;
	readonly namespace: string | undefined;
	readonly authMount: string;
	readonly kv: { readonly mount: string; readonly version: 1 | 2 };
	/** Mount of the transit engine; undefined when the pod has no sealed value. */
	readonly transit: string | undefined;
	/** Values of the annotation `envtier.dev/lease.NAME`. */
	readonly leases: readonly string[];
	readonly role: string;
	readonly audience: string;
	readonly tierNames: { readonly org?: string; readonly deployment: string; readonly service?: string };
	readonly tiers: readonly Tier[];
}

/** Reads the settings from an injected pod; undefined for a pod without injection. */
export function injectedSettingsOf(pod: V1Pod): InjectedSettings | undefined {
	const fetcher = pod.spec?.initContainers?.find(({ name }) => name === INJECTED.container);
	if (fetcher === undefined) return undefined;
	const variables = new Map((fetcher.env ?? []).map(({ name, value }) => [name, value]));
	const get = (name: string): string | undefined => variables.get(name) || undefined;
	const token = pod.spec?.volumes?.find(({ name }) => name === INJECTED.tokenVolume);
	const org = get('ENVTIER_ORG');
	const service = get('ENVTIER_SERVICE');
	const tiers = get('ENVTIER_TIERS')?.split(',') ?? [];
	return {
		address: get('ENVTIER_VAULT_ADDR') ?? '',
		ca: get('ENVTIER_VAULT_CA'),
		tlsName: get('ENVTIER_VAULT_TLS_NAME'),
		proxy: get('ENVTIER_VAULT_PROXY'),
		namespace: get('ENVTIER_VAULT_NAMESPACE'),
		authMount: get('ENVTIER_VAULT_AUTH_MOUNT') ?? '',
		kv: {
			mount: get('ENVTIER_VAULT_KV_MOUNT') ?? '',
			version: get('ENVTIER_VAULT_KV_VERSION') === '1' ? 1 : 2,
		},
		transit: get('ENVTIER_VAULT_TRANSIT_MOUNT'),
		leases: [...variables].flatMap(([name, value = '']) =>
			name.startsWith('ENVTIER_LEASE_') && value !== '' ? [value] : [],
		),
		role: get('ENVTIER_VAULT_ROLE') ?? '',
		audience: token?.projected?.sources?.[0]?.serviceAccountToken?.audience ?? '',
		tierNames: {
			deployment: get('ENVTIER_DEPLOYMENT') ?? '',
			...(org === undefined ? {} : { org }),
			...(service === undefined ? {} : { service }),
		},
		tiers: TIERS.filter((tier) => tiers.includes(tier)),
	};
}
