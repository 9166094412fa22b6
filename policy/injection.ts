import type { V1Container, V1Volume, V1VolumeMount } from '@kubernetes/client-node';
import { FORMATS } from '../contract/formats.ts';
import { INJECTED } from '../contract/names.ts';
import { ok } from '../contract/result.ts';
import { TIERS } from '../contract/tiers.ts';
import type { InjectionPlan } from '../webhook/admission/injection-plan.ts';
import { statusOf } from '../webhook/admission/status.ts';
import type { PodOptions } from '../webhook/annotations/annotations.ts';
import { fetcherContainer, readerMount } from '../webhook/patch/injected-objects.ts';
import { volumes } from '../webhook/patch/injected-volumes.ts';
import type { ContainerFacts } from '../webhook/pod/container.ts';
import type { Qos } from '../webhook/pod/qos.ts';
import type { InjectionSettings } from '../webhook/settings.ts';
import { literal, literals, placeholder } from './cel.ts';
import { groupOf, has, items, NAMESPACE_LABEL, PATH, said, saidOr, userOf } from './pod.ts';
import { type PolicySetting, setting, unslashed } from './settings.ts';

/** A named expression of a policy. */
export interface Variable {
	readonly name: string;
	readonly expression: string;
}

const variable = (name: string): string => `variables.${name}`;

/** The organization; empty if neither the pod, the namespace nor the settings name one (`organizationOf`). */
const ORG = `(${setting('ENVTIER_ORG_LABEL')} == 'ignore' ? ${saidOr('org', setting('ENVTIER_DEFAULT_ORG'))} :
 ${setting('ENVTIER_ORG_LABEL')} == 'default' && ${has('org')} ? ${said('org')} :
 ${NAMESPACE_LABEL}.orValue(${setting('ENVTIER_DEFAULT_ORG')}))`;

const account = (field: string): string => `object.spec.?${field}.orValue('')`;
const ACCOUNT = `${account('serviceAccountName')} != '' ? ${account('serviceAccountName')} : ${account('serviceAccount')} != '' ? ${account('serviceAccount')} : 'default'`;

/** The Vault role (`roleOf`). The two names cannot contain a placeholder. */
const ROLE = saidOr(
	'role',
	`${setting('ENVTIER_DEFAULT_ROLE')}.replace('{namespace}', request.namespace).replace('{serviceAccount}', ${ACCOUNT})`,
);

/** Each tier, and the condition that it has a name. */
const NAMED_TIERS = `[${TIERS.map((tier) => (tier === 'org' ? `variables.org != '' ? 'org' : ''` : tier === 'deployment' ? literal(tier) : `${has(tier)} ? '${tier}' : ''`)).join(', ')}].filter(tier, tier != '')`;

const inOrder = (all: readonly string[], list: string): string =>
	`${literals(all)}.filter(each, each in ${list})`;

/** Values from the pod and the settings, as the webhook reads them. */
export const READ: readonly Variable[] = [
	{ name: 'org', expression: ORG },
	{ name: 'role', expression: ROLE },
	{
		name: 'tiers',
		expression: `(${has('tiers')} ? ${inOrder(TIERS, items('tiers'))} : ${NAMED_TIERS}).join(',')`,
	},
	{ name: 'require', expression: `${items('require')}.join(',')` },
	{
		name: 'formats',
		expression: `(${has('format')} ? ${inOrder(FORMATS, items('format'))} : ['shell']).join(',')`,
	},
	{
		name: 'empty',
		expression: `[${saidOr('empty', setting('ENVTIER_EMPTY'))}].map(policy, policy == 'refuse' ? '' : policy)[0]`,
	},
];

/** Quantities such as `cpu=50m,memory=64Mi`, as a map. */
const quantities = (name: PolicySetting): string =>
	`${setting(name)}.split(',').map(pair, pair.split('=')).transformMapEntry(i, pair, {pair[0].trim(): pair[1].trim()})`;

/** Variables that hold what injection adds. */
export function injected(): readonly Variable[] {
	return [
		{ name: 'requests', expression: quantities('ENVTIER_FETCHER_REQUESTS') },
		{ name: 'limits', expression: quantities('ENVTIER_FETCHER_LIMITS') },
		// A resource without a limit gets its request as the limit.
		{
			name: 'both',
			expression: `(variables.requests.map(name, name).filter(name, !(name in variables.limits)) + variables.limits.map(name, name))
  .transformMapEntry(i, name, {name: name in variables.limits ? variables.limits[name] : variables.requests[name]})`,
		},
	];
}

/** Placeholder text for a value that the webhook computes. */
const of = <T>(name: PolicySetting): T => placeholder<T>(setting(name));

/** Settings whose values are expressions. */
const SETTINGS: InjectionSettings = {
	image: of('ENVTIER_FETCHER_IMAGE'),
	pullPolicy: of('ENVTIER_FETCHER_PULL_POLICY'),
	pullSecrets: [],
	requests: placeholder(variable('requests')),
	limits: placeholder(variable('limits')),
	// The policy leaves pods with a sidecar to the webhook.
	refreshRequests: {},
	refreshLimits: {},
	sidecars: ok(true),
	inPlaceRestart: ok(true),
	volumeSize: of('ENVTIER_VOLUME_SIZE'),
	defaultOrg: undefined,
	orgLabelMode: 'default',
	orgLabel: ok(undefined),
	defaultRole: '',
	defaultUser: 0,
	empty: 'refuse',
	tokenAudience: of('ENVTIER_TOKEN_AUDIENCE'),
	nativeEnv: ok(true),
	vault: {
		address: placeholder(unslashed('ENVTIER_VAULT_ADDR')),
		tlsName: placeholder(`${setting('ENVTIER_VAULT_TLS_NAME')}.lowerAscii()`),
		proxy: placeholder(unslashed('ENVTIER_VAULT_PROXY')),
		insecureHttp: true,
		ca: of('ENVTIER_VAULT_CA'),
		namespace: placeholder(unslashed('ENVTIER_VAULT_NAMESPACE')),
		authMount: placeholder(unslashed('ENVTIER_VAULT_AUTH_MOUNT')),
		kvMount: placeholder(unslashed('ENVTIER_VAULT_KV_MOUNT')),
		kvVersion: of('ENVTIER_VAULT_KV_VERSION'),
		transitMount: '',
	},
	deadline: of('ENVTIER_DEADLINE'),
	logLevel: of('ENVTIER_LOG_LEVEL'),
};

/** The names of the readers as JSON text, without the first and the last quote. */
const READER_NAMES = 'variables.secretReaders.map(reader, reader.name).join(\'","\')';

/** The plan of a plain pod: one fetcher, one volume. */
function planOf(qos: Qos): InjectionPlan {
	const volume = { name: INJECTED.volume, out: INJECTED.outDir, selection: undefined };
	const reader = { name: placeholder<string>(READER_NAMES) } as ContainerFacts;
	return {
		fetchSpec: {
			tierNames: {
				org: placeholder(variable('org')),
				deployment: placeholder(said('deployment')),
				service: placeholder(saidOr('service', "''")),
			},
			tiers: [placeholder(variable('tiers'))],
			require: [placeholder(variable('require'))],
			empty: placeholder(variable('empty')),
			allow: [],
			formats: [placeholder(variable('formats'))],
			variables: [],
			templates: new Map(),
			sealed: new Map(),
			role: placeholder(variable('role')),
			refresh: undefined,
			rollout: false,
		},
		path: placeholder(PATH),
		order: 'first',
		qos,
		fetchers: [
			{
				container: INJECTED.container,
				sidecar: undefined,
				userIds: {
					user: placeholder(userOf('variables.secretReaders[0]')),
					group: placeholder(groupOf('variables.secretReaders[0]')),
				},
				readers: [reader],
				volumes: [{ ...volume, readers: [reader] }],
			},
		],
		wrapped: [],
	};
}

/** The fetcher's container. The policy omits texts and variables without a value. */
export function fetcherOf(qos: Qos): V1Container {
	const plan = planOf(qos);
	const [fetcher] = plan.fetchers;
	if (fetcher === undefined) throw new Error('a plan of a plain pod has a fetcher');
	const container = fetcherContainer(plan, fetcher, SETTINGS);
	const env = container.env?.map(({ name, value }) => ({
		name,
		// If this variable is set, its value is constant.
		value:
			name === 'ENVTIER_VAULT_INSECURE_HTTP'
				? placeholder<string>(`${setting(name)} == 'true' ? 'true' : ''`)
				: (value ?? ''),
	}));
	return { ...container, env: env ?? [] };
}

/** The volumes that are added. */
export function volumesAdded(): readonly V1Volume[] {
	return volumes(planOf('other'), SETTINGS);
}

/** The mount of a reader. */
export function mountAdded(): V1VolumeMount {
	const plan = planOf('other');
	const [volume] = plan.fetchers.flatMap((fetcher) => fetcher.volumes);
	if (volume === undefined) throw new Error('a plan of a plain pod has a volume');
	return readerMount(plan, volume);
}

/** The status annotation, for pods that name their containers and for those that do not. */
export function statusAdded(named: boolean): string {
	const options = (named ? { containers: [] } : {}) as unknown as PodOptions;
	return statusOf(planOf('other'), options, SETTINGS);
}
