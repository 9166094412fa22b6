import type { V1Container, V1EnvVar, V1VolumeMount } from '@kubernetes/client-node';
import { templateVariable } from '../../contract/compose.ts';
import { NATIVE_ENV_PATH } from '../../contract/formats.ts';
import { FETCHER_PROGRAM, INJECTED } from '../../contract/names.ts';
import { onChangeText, READY_ARGUMENT, RESTART_EXIT_CODE } from '../../contract/refresh.ts';
import { parseSealed, sealedVariable } from '../../contract/sealed.ts';
import type { KeyedAnnotationName, VariableName } from '../../contract/variables.ts';
import type { FetchSpec } from '../admission/fetch-spec.ts';
import type { FetcherPlan, InjectionPlan, VolumePlan } from '../admission/injection-plan.ts';
import type { SelectionText } from '../annotations/selections.ts';
import type { Quantities } from '../pod/quantities.ts';
import type { InjectionSettings } from '../settings.ts';

/** A variable of a family, such as `ENVTIER_COMPOSE_DATABASE_URL`. */
type MemberName = `${KeyedAnnotationName}${string}`;

function members(
	family: KeyedAnnotationName,
	values: ReadonlyMap<string, string>,
	write: (text: string) => string,
): Record<MemberName, string> {
	return Object.fromEntries([...values].map(([key, value]) => [`${family}${key}`, write(value)]));
}

/** The text of a sealed value for a variable. The value was parsed before. */
function sealedText(text: string): string {
	const sealed = parseSealed(text);
	return sealed.ok ? sealedVariable(sealed.value) : text;
}

/** The kubelet expands `$(NAME)` in a variable's value, and `$$` to one `$` (Kubernetes API: EnvVar). */
function literal(value: string): string {
	return value.includes('$') ? value.replaceAll('$', () => '$$') : value;
}

/** One volume of a fetcher: its path and its selection. */
export interface Destination {
	readonly out: string;
	readonly selection: SelectionText | undefined;
}

/** The variables of the `i`th volume (from 0). */
function destinationEnv({ out, selection }: Destination, i: number): Record<string, string | undefined> {
	const suffix = i === 0 ? '' : `_${i + 1}`;
	return {
		[`ENVTIER_OUT${suffix}`]: out,
		[`ENVTIER_KEYS${suffix}`]: selection?.keys,
		[`ENVTIER_PREFIX${suffix}`]: selection?.prefix,
	};
}

/** What a fetcher with a sidecar is told; the sidecar is told the same but for the mode. */
function refreshEnv({ refresh, rollout }: FetchSpec): Partial<Record<VariableName, string | undefined>> {
	const rolled = rollout ? { ENVTIER_ON_CHANGE: onChangeText({ kind: 'rollout' }) } : {};
	if (refresh === undefined) return rolled;
	const { onChange, period, spread } = refresh;
	return {
		ENVTIER_MODE: 'initial',
		ENVTIER_REFRESH: String(period),
		ENVTIER_ON_CHANGE: onChange.kind === 'none' ? undefined : onChangeText(onChange),
		ENVTIER_SPREAD: spread === undefined ? undefined : String(spread),
		ENVTIER_PRIVATE_DIR: INJECTED.privateDir,
		ENVTIER_REQUEST_FILE: `${INJECTED.tokenDir}/${INJECTED.requestFile}`,
		...rolled,
	};
}

/** The variables of an init container, plain text for `kubectl describe pod`. */
function fetcherEnv(
	fetchSpec: FetchSpec,
	destinations: readonly Destination[],
	settings: InjectionSettings,
): V1EnvVar[] {
	const { vault } = settings;
	const keys = [...new Set(fetchSpec.variables.map(({ key }) => key))];
	const values: Partial<Record<VariableName | MemberName, string | undefined>> &
		Record<string, string | undefined> = {
		ENVTIER_VAULT_ADDR: vault.address,
		ENVTIER_VAULT_TLS_NAME: vault.tlsName,
		ENVTIER_VAULT_PROXY: vault.proxy,
		ENVTIER_VAULT_INSECURE_HTTP: vault.insecureHttp ? 'true' : undefined,
		ENVTIER_VAULT_CA: vault.ca,
		ENVTIER_VAULT_NAMESPACE: vault.namespace,
		ENVTIER_VAULT_AUTH_MOUNT: vault.authMount,
		ENVTIER_VAULT_KV_MOUNT: vault.kvMount,
		ENVTIER_VAULT_KV_VERSION: String(vault.kvVersion),
		ENVTIER_VAULT_ROLE: fetchSpec.role,
		ENVTIER_TOKEN_FILE: `${INJECTED.tokenDir}/${INJECTED.tokenFile}`,
		ENVTIER_ORG: fetchSpec.tierNames.org,
		ENVTIER_DEPLOYMENT: fetchSpec.tierNames.deployment,
		ENVTIER_SERVICE: fetchSpec.tierNames.service,
		ENVTIER_TIERS: fetchSpec.tiers.join(','),
		ENVTIER_REQUIRE: fetchSpec.require.length === 0 ? undefined : fetchSpec.require.join(','),
		ENVTIER_FORMAT: fetchSpec.formats.length === 0 ? 'none' : fetchSpec.formats.join(','),
		ENVTIER_ENV_KEYS: keys.length === 0 ? undefined : keys.join(','),
		ENVTIER_ALLOW: fetchSpec.allow.length === 0 ? undefined : fetchSpec.allow.join(','),
		// Only if it is not the default, so that other pods do not change.
		ENVTIER_EMPTY: fetchSpec.empty === 'refuse' ? undefined : fetchSpec.empty,
		...Object.assign({}, ...destinations.map(destinationEnv)),
		...refreshEnv(fetchSpec),
		ENVTIER_DEADLINE: String(settings.deadline),
		ENVTIER_LOG_LEVEL: settings.logLevel,
		// Only if it is needed, so that other pods do not change.
		ENVTIER_VAULT_TRANSIT_MOUNT: fetchSpec.sealed.size > 0 ? vault.transitMount : undefined,
		...members('ENVTIER_SEALED_', fetchSpec.sealed, sealedText),
		...members('ENVTIER_LEASE_', fetchSpec.refresh?.leases ?? new Map(), (text) => text),
		...members('ENVTIER_COMPOSE_', fetchSpec.templates, templateVariable),
	};
	return Object.entries(values).flatMap(([name, value]) =>
		value === undefined ? [] : [{ name, value: literal(value) }],
	);
}

/** The init container of one fetcher. It passes Pod Security "restricted" in every pod. */
export function fetcherContainer(
	plan: InjectionPlan,
	fetcher: FetcherPlan,
	settings: InjectionSettings,
): V1Container {
	return {
		name: fetcher.container,
		image: settings.image,
		...(settings.pullPolicy === undefined ? {} : { imagePullPolicy: settings.pullPolicy }),
		env: fetcherEnv(plan.fetchSpec, fetcher.volumes, settings),
		...resources(plan.qos, settings.requests, settings.limits),
		securityContext: {
			runAsNonRoot: true,
			runAsUser: fetcher.userIds.user,
			runAsGroup: fetcher.userIds.group,
			allowPrivilegeEscalation: false,
			readOnlyRootFilesystem: true,
			capabilities: { drop: ['ALL'] },
			seccompProfile: { type: 'RuntimeDefault' },
		},
		// The fetcher writes the message. If it died before, the end of its log helps more than nothing.
		terminationMessagePolicy: 'FallbackToLogsOnError',
		volumeMounts: [
			...fetcher.volumes.map(({ name, out }) => ({ name, mountPath: out })),
			...privateMount(fetcher),
			{ name: INJECTED.tokenVolume, mountPath: INJECTED.tokenDir, readOnly: true },
		],
	};
}

function privateMount({ sidecar }: FetcherPlan): V1VolumeMount[] {
	return sidecar === undefined ? [] : [{ name: sidecar.privateVolume, mountPath: INJECTED.privateDir }];
}

/**
 * The sidecar of a fetcher, or undefined if it has none: a native sidecar (KEP-753) with the same image,
 * user, rights and volumes. Whether the pod is ready does not depend on Vault: only a sidecar that restarts
 * the pod has a probe, by which it takes the pod out of its endpoints first.
 */
function sidecarContainer(
	plan: InjectionPlan,
	fetcher: FetcherPlan,
	settings: InjectionSettings,
): V1Container | undefined {
	if (fetcher.sidecar === undefined) return undefined;
	const container = fetcherContainer(plan, fetcher, settings);
	return {
		...container,
		name: fetcher.sidecar.container,
		restartPolicy: 'Always',
		...(plan.fetchSpec.refresh?.onChange.kind === 'restart' ? RESTARTS : {}),
		env: (container.env ?? []).map((variable) =>
			variable.name === 'ENVTIER_MODE' ? { name: variable.name, value: 'refresh' } : variable,
		),
		...resources(plan.qos, settings.refreshRequests, settings.refreshLimits),
	};
}

/**
 * The probe has every field with a default, so that a further review compares with what the API server
 * stores.
 */
const RESTARTS = {
	restartPolicyRules: [
		{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [RESTART_EXIT_CODE] } },
	],
	readinessProbe: {
		exec: { command: [FETCHER_PROGRAM, READY_ARGUMENT] },
		periodSeconds: 5,
		timeoutSeconds: 5,
		successThreshold: 1,
		failureThreshold: 1,
	},
} satisfies Partial<V1Container>;

/** All containers of a plan in the order in which they start: each fetcher, then its sidecar. */
export function injectedContainers(plan: InjectionPlan, settings: InjectionSettings): V1Container[] {
	return plan.fetchers.flatMap((fetcher) => [
		fetcherContainer(plan, fetcher, settings),
		...[sidecarContainer(plan, fetcher, settings) ?? []].flat(),
	]);
}

/** The names of all containers of a plan. */
export function injectedNames({ fetchers }: InjectionPlan): readonly string[] {
	return fetchers.flatMap(({ container, sidecar }) =>
		sidecar === undefined ? [container] : [container, sidecar.container],
	);
}

function resources(
	qos: InjectionPlan['qos'],
	requests: Quantities,
	limits: Quantities,
): Pick<V1Container, 'resources'> {
	switch (qos) {
		case 'pod-level':
			return {};
		case 'guaranteed': {
			// A resource without a limit gets its request as the limit. Otherwise the pod would lose its QoS class.
			const both = { ...requests, ...limits };
			return { resources: { requests: both, limits: both } };
		}
		case 'other':
			return { resources: { requests, limits } };
		default:
			return qos satisfies never;
	}
}

/** The mount of a reader's volume. */
export function readerMount({ path }: InjectionPlan, { name }: VolumePlan): V1VolumeMount {
	return { name, mountPath: path, readOnly: true };
}

/** The variables of a reader. The kubelet reads them from its volume when the container starts (KEP-3721). */
export function readerVariables(plan: InjectionPlan, volume: VolumePlan): V1EnvVar[] {
	return plan.fetchSpec.variables.map(({ name, key }) => ({
		name,
		valueFrom: { fileKeyRef: { volumeName: volume.name, path: NATIVE_ENV_PATH, key } },
	}));
}
