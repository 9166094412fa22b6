import { composeOrder, type Template } from '../../contract/compose.ts';
import type { EmptyPolicy } from '../../contract/empty.ts';
import type { Format } from '../../contract/formats.ts';
import { ANNOTATION_PREFIX, parseRole } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { TIERS, type Tier, type TierNames, tierPath } from '../../contract/tiers.ts';
import type { PodOptions } from '../annotations/annotations.ts';
import { needsFiles } from '../annotations/selections.ts';
import type { InjectionSettings } from '../settings.ts';
import type { NativeVariable } from './native-env.ts';
import { organizationOf } from './organization.ts';
import { quoted } from './redact.ts';
import { type RefreshSpec, refreshSpecOf } from './refresh.ts';
import { type Rejection, reject } from './rejection.ts';

/** The secrets that the fetchers of one pod read, and their Vault role. */
export interface FetchSpec {
	readonly tierNames: TierNames;
	readonly tiers: readonly Tier[];
	readonly require: readonly string[];
	readonly empty: EmptyPolicy;
	/** Variables that make programs run code and may be delivered. */
	readonly allow: readonly string[];
	/** Empty when no container reads a file. */
	readonly formats: readonly Format[];
	/** Delivered by the kubelet; their keys are required. */
	readonly variables: readonly NativeVariable[];
	/** Unparsed templates by the composed key. */
	readonly templates: ReadonlyMap<string, string>;
	/** Unparsed sealed values by key. */
	readonly sealed: ReadonlyMap<string, string>;
	readonly role: string;
	/** Undefined: the secrets are read once. */
	readonly refresh: RefreshSpec | undefined;
	/** Whether the controller rolls the workload after a change. */
	readonly rollout: boolean;
}

/** Builds the fetch specification from the pod's annotations and the default settings. */
export function fetchSpecOf(
	options: PodOptions & { readonly deployment: string },
	serviceAccount: string,
	namespace: string,
	settings: InjectionSettings,
): Result<FetchSpec, Rejection> {
	const org = organizationOf(options.org, namespace, settings);
	if (!org.ok) return org;
	const tierNames = tierNamesOf(options, org.value);
	const tiers = chosenTiers(options, tierNames);
	if (!tiers.ok) return tiers;
	const role = roleOf(options.role ?? settings.defaultRole, serviceAccount, namespace);
	if (!role.ok) return role;
	const variables = options.env ?? [];
	const formats = formatsOf(options);
	if (!formats.ok) return formats;
	const { compose, sealed } = options.each;
	const composed = [...compose];
	const cycle = compositionCycle(new Map(composed.map(([key, { template }]) => [key, template])));
	if (cycle !== undefined) return err(cycle);
	const refresh = refreshSpecOf(options, settings.vault);
	if (!refresh.ok) return refresh;
	const rollout = options['on-change']?.kind === 'rollout';
	if (rollout && settings.vault.kvVersion === 1) return err(rolloutUnavailable());
	return ok({
		tierNames,
		tiers: tiers.value,
		require: [...new Set([...(options.require ?? []), ...variables.map(({ key }) => key)])],
		empty: options.empty ?? settings.empty,
		allow: options.allow ?? [],
		formats: formats.value,
		variables,
		templates: new Map(composed.map(([key, { text }]) => [key, text])),
		sealed,
		role: role.value,
		refresh: refresh.value,
		rollout,
	});
}

/**
 * The formats to write: those in the annotation. Default: `shell`, or none when the pod takes native
 * variables only.
 */
function formatsOf(options: PodOptions): Result<readonly Format[], Rejection> {
	const { format, env = [] } = options;
	const fileAnnotation = needsFiles(options);
	const formats = format ?? (env.length === 0 || fileAnnotation !== undefined ? ['shell'] : []);
	if (formats.length > 0) return ok(formats);
	if (fileAnnotation !== undefined) return err(filesWithoutFormat(fileAnnotation));
	return env.length === 0 ? err(nothingToDeliver()) : ok([]);
}

/** Refuses composed values that need one another in a cycle. */
function compositionCycle(templates: ReadonlyMap<string, Template>): Rejection | undefined {
	const order = composeOrder(templates);
	if (order.ok) return undefined;
	const [first = ''] = order.error;
	return reject(
		'bad-annotation',
		`annotation ${quoted(`${ANNOTATION_PREFIX}compose.${first}`)} must not refer to itself by way of others: ${order.error.map((key) => quoted(key)).join(' needs ')}`,
	);
}

function filesWithoutFormat(annotation: string): Rejection {
	return reject(
		'nothing-to-deliver',
		`annotation ${ANNOTATION_PREFIX}${annotation} is about files, but with ${ANNOTATION_PREFIX}format "none" there are none: remove one of the two`,
	);
}

/** KV v1 has no versions, so the controller cannot see a change without reading values. */
function rolloutUnavailable(): Rejection {
	return reject(
		'rollout-unavailable',
		`annotation ${ANNOTATION_PREFIX}on-change "rollout" needs versions of secrets, and the KV engine of this cluster is version 1 (ENVTIER_VAULT_KV_VERSION): use ${ANNOTATION_PREFIX}refresh with a POST or a signal`,
	);
}

function nothingToDeliver(): Rejection {
	return reject(
		'nothing-to-deliver',
		`annotation ${ANNOTATION_PREFIX}format is "none", so the pod would get nothing: remove it, or name keys in ${ANNOTATION_PREFIX}env`,
	);
}

function tierNamesOf(
	options: PodOptions & { readonly deployment: string },
	org: string | undefined,
): TierNames {
	return {
		deployment: options.deployment,
		...(org === undefined ? {} : { org }),
		...(options.service === undefined ? {} : { service: options.service }),
	};
}

/** The tiers to read: those in the annotation, which must all have a name, else all that have one. */
function chosenTiers(options: PodOptions, tierNames: TierNames): Result<readonly Tier[], Rejection> {
	if (options.tiers === undefined) return ok(TIERS.filter((tier) => tierPath(tier, tierNames) !== undefined));
	const unnamed = options.tiers.find((tier) => tierPath(tier, tierNames) === undefined);
	if (unnamed === undefined) return ok(options.tiers);
	return err(
		reject(
			'tier-without-name',
			`annotation ${ANNOTATION_PREFIX}tiers asks for the tier "${unnamed}", but nothing says which: set ${ANNOTATION_PREFIX}${unnamed}`,
		),
	);
}

/**
 * The Vault role, with its placeholders replaced. The name of an existing service account is always valid in
 * a role name; only the length can be wrong. The webhook runs before the API server validates the pod, so the
 * name can be any text.
 */
function roleOf(template: string, serviceAccount: string, namespace: string): Result<string, Rejection> {
	const role = template.replace(/\{(serviceAccount|namespace)\}/g, (_, placeholder) =>
		placeholder === 'namespace' ? namespace : serviceAccount,
	);
	const parsed = parseRole(role);
	if (parsed.ok) return parsed;
	return err(
		reject(
			'bad-annotation',
			`the Vault role made from "${template}" for service account ${quoted(serviceAccount)} must be ${parsed.error}: name a role in ${ANNOTATION_PREFIX}role`,
		),
	);
}
