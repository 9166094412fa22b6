import type { V1Container, V1NodeSelectorRequirement, V1Pod } from '@kubernetes/client-node';
import { ANNOTATION_PREFIX, INJECTED } from '../contract/names.ts';
import type { InjectionPlan } from '../webhook/admission/injection-plan.ts';
import { WRAPPER_NAME } from '../webhook/admission/wrap.ts';
import { STATUS_ANNOTATION } from '../webhook/annotations/annotations.ts';
import { KEYED_ANNOTATION_NAMES } from '../webhook/annotations/unknown-annotation.ts';
import { isAddedVolume, isFetcherName } from '../webhook/pod/added-names.ts';
import { BUILD_LABEL, OS_LABELS } from '../webhook/pod/windows.ts';
import { LIST_NAMES, MOST_CHARACTERS, MOST_ITEMS, WEBHOOK_NAMES } from './annotations.ts';
import { MOST_CONTAINERS, MOST_MOUNTS, MOST_STATUS } from './reasons.ts';

type Annotations = Readonly<Record<string, string>>;

const annotationsOf = (pod: V1Pod): Annotations => pod.metadata?.annotations ?? {};
const all = (pod: V1Pod): readonly V1Container[] => [
	...(pod.spec?.containers ?? []),
	...(pod.spec?.initContainers ?? []),
];
const annotation = (name: string): string => `annotation ${ANNOTATION_PREFIX}${name}`;

/**
 * Why the policy leaves a pod to the webhook; undefined if the policy injects it. `plan` is the webhook's
 * plan. Decides offline what the expressions of reasons.ts decide in the API server. A test compares the two
 * with generated pods.
 */
export function leftToWebhook(pod: V1Pod, plan: InjectionPlan): string | undefined {
	return (
		annotationForWebhook(annotationsOf(pod)) ??
		longList(annotationsOf(pod)) ??
		windows(pod) ??
		size(pod) ??
		identity(pod, plan) ??
		ourNames(pod, plan) ??
		oddMount(pod, plan)
	);
}

function annotationForWebhook(annotations: Annotations): string | undefined {
	const found = Object.keys(annotations).find((name) => {
		const own = name.startsWith(ANNOTATION_PREFIX) ? name.slice(ANNOTATION_PREFIX.length) : '';
		return (
			WEBHOOK_NAMES.some((each) => each === own) ||
			KEYED_ANNOTATION_NAMES.some((family) => own.startsWith(`${family}.`))
		);
	});
	return found === undefined ? undefined : `annotation ${found} is one that only the webhook serves`;
}

function longList(annotations: Annotations): string | undefined {
	const found = LIST_NAMES.find((name) => {
		const text = annotations[ANNOTATION_PREFIX + name] ?? '';
		return text.length > MOST_CHARACTERS || !/^[ -~]*$/.test(text) || text.split(',').length > MOST_ITEMS;
	});
	return found === undefined
		? undefined
		: `${annotation(found)} is a list of more than ${MOST_ITEMS} items or ${MOST_CHARACTERS} characters, or has line breaks`;
}

/** True if only Windows nodes may satisfy a requirement on node labels. */
function maySelectWindows({ key, operator, values = [] }: V1NodeSelectorRequirement): boolean {
	return (
		key === BUILD_LABEL || (OS_LABELS.includes(key) && !(operator === 'In' && values?.includes('linux')))
	);
}

function windows(pod: V1Pod): string | undefined {
	if (pod.spec?.os?.name) return undefined;
	const terms =
		pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
	const may =
		terms.some(({ matchExpressions }) => matchExpressions?.some(maySelectWindows)) ||
		[pod.spec, ...all(pod)].some((each) => each?.securityContext?.windowsOptions?.hostProcess);
	return may ? 'the pod may run on Windows, by its node affinity or host processes' : undefined;
}

function size(pod: V1Pod): string | undefined {
	const { containers = [], initContainers, volumes } = pod.spec ?? {};
	const mounts = all(pod).reduce((sum, { volumeMounts }) => sum + (volumeMounts?.length ?? 0), 0);
	const status = annotationsOf(pod)[STATUS_ANNOTATION];
	// What an injection adds does not count.
	const added = status === undefined ? [0, 0, 0] : [1, 2, MOST_CONTAINERS + 2];
	const [inits = 0, own = 0, ofReaders = 0] = added;
	const large =
		containers.length > MOST_CONTAINERS ||
		(initContainers?.length ?? 0) > MOST_CONTAINERS + inits ||
		(volumes?.length ?? 0) > MOST_MOUNTS + own ||
		mounts > MOST_MOUNTS + ofReaders ||
		(status?.length ?? 0) > MOST_STATUS;
	return large
		? `the pod has more than ${MOST_CONTAINERS} containers, or more than ${MOST_MOUNTS} volumes or mounts`
		: undefined;
}

function identity(pod: V1Pod, { fetchers }: InjectionPlan): string | undefined {
	const readers = fetchers.flatMap((fetcher) => fetcher.readers);
	if (readers.some(({ list }) => list === 'initContainers'))
		return `${annotation('containers')} names an init container`;
	const { runAsUser, runAsGroup } = pod.spec?.securityContext ?? {};
	const asked = annotationsOf(pod)[`${ANNOTATION_PREFIX}run-as-user`];
	const nobody = readers.find(({ user }) => (user ?? runAsUser ?? asked) === undefined);
	if (nobody !== undefined) return `container "${nobody.name}" has no runAsUser, and neither has the pod`;
	const root = readers.find(({ user }) => (user ?? runAsUser) === 0);
	if (root !== undefined) return `container "${root.name}" runs as root`;
	const askedGroup = annotationsOf(pod)[`${ANNOTATION_PREFIX}run-as-group`];
	const groups = new Set(
		readers.map(({ user, group }) => Number(group ?? runAsGroup ?? askedGroup ?? user ?? runAsUser ?? asked)),
	);
	if (fetchers.length > 1 || groups.size > 1)
		return 'the containers that get secrets run as several UIDs or GIDs';
	return undefined;
}

const mountsOurs = ({ volumeMounts }: V1Container): number =>
	(volumeMounts ?? []).filter(({ name }) => isAddedVolume(name)).length;

const hasMoreOfOurs = ({ env, command }: V1Container): boolean =>
	(env ?? []).some(({ valueFrom }) => isAddedVolume(valueFrom?.fileKeyRef?.volumeName ?? '')) ||
	(command ?? []).includes(WRAPPER_NAME);

function ourNames(pod: V1Pod, plan: InjectionPlan): string | undefined {
	const { containers = [], initContainers, volumes } = pod.spec ?? {};
	const fetchers = (initContainers ?? []).filter(({ name }) => isFetcherName(name));
	const ours = (volumes ?? []).map(({ name }) => name).filter(isAddedVolume);
	const hasParts = fetchers.length + ours.length > 0 || containers.some((each) => mountsOurs(each) > 0);
	const stamped = STATUS_ANNOTATION in annotationsOf(pod) && hasParts;
	const readers = new Set(plan.fetchers.flatMap((fetcher) => fetcher.readers.map(({ name }) => name)));
	const others = all(pod).filter(({ name }) => !isFetcherName(name));
	const foreign = stamped
		? fetchers.length > 1 ||
			fetchers.some(({ name }) => name !== INJECTED.container) ||
			ours.some((name) => name !== INJECTED.volume && name !== INJECTED.tokenVolume) ||
			new Set(ours).size !== ours.length ||
			containers.some(({ name }) => isFetcherName(name)) ||
			others.some((each) => hasMoreOfOurs(each) || mountsOurs(each) > (readers.has(each.name) ? 1 : 0))
		: hasParts ||
			all(pod).some((each) => isFetcherName(each.name) || mountsOurs(each) > 0 || hasMoreOfOurs(each));
	return foreign
		? 'the pod has containers, volumes or mounts with names that injection gives and that it has not left so'
		: undefined;
}

/** True for a path in its shortest form. A slash at its end is allowed. */
const isShort = (path: string): boolean =>
	path === '/' || /^(?:\/(?:[^/.:][^/:]*|[.][^/.:][^/:]*|[.][.][^/:]+))+\/?$/.test(path);

function oddMount(pod: V1Pod, plan: InjectionPlan): string | undefined {
	const readers = plan.fetchers.flatMap((fetcher) => fetcher.readers);
	const found = readers.find((reader) => {
		const { volumeMounts, volumeDevices, terminationMessagePath } =
			pod.spec?.containers[reader.index] ?? ({} as Partial<V1Container>);
		const mounts = (volumeMounts ?? []).filter(({ name }) => !isAddedVolume(name));
		return [
			...mounts.map(({ mountPath }) => mountPath),
			...(volumeDevices ?? []).map(({ devicePath }) => devicePath),
			...(terminationMessagePath ? [terminationMessagePath] : []),
		].some((path) => !isShort(path));
	});
	return found === undefined
		? undefined
		: `container "${found.name}" mounts something at a path that is not in its shortest form`;
}
