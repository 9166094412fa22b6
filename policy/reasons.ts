import { ANNOTATION_PREFIX, INJECTED } from '../contract/names.ts';
import type { RejectReason } from '../webhook/admission/reasons.ts';
import { WRITTEN_ANNOTATIONS } from '../webhook/annotations/annotations.ts';
import { KEYED_ANNOTATION_NAMES } from '../webhook/annotations/unknown-annotation.ts';
import { MIRROR, READ_ONLY_KINDS } from '../webhook/pod/pod.ts';
import { BUILD_LABEL, OS_LABELS } from '../webhook/pod/windows.ts';
import { ALL_NAMES, rule, SERVED, SERVED_NAMES, WEBHOOK_NAMES } from './annotations.ts';
import { anyOf, bind, literal, literals } from './cel.ts';
import {
	CONTAINERS,
	groupOf,
	HAS_PARTS,
	has,
	hasMoreOfOurs,
	INITS,
	isFetcher,
	isOurVolume,
	isShort,
	items,
	mountsOf,
	mountsOurs,
	PATH,
	type PodNames,
	readersOf,
	SAYS,
	STAMPED,
	STATUS,
	said,
	userOf,
	VOLUMES,
	walked,
} from './pod.ts';

/** Maximum number of containers of each kind, and of all mounts, because expressions have a cost budget. */
export const MOST_CONTAINERS = 100;
export const MOST_MOUNTS = 1000;
/** Maximum length of the status annotation, in characters. Injection writes less. */
export const MOST_STATUS = 16384;

/** Why the policy leaves a pod to the webhook. */
export interface Reason {
	/** A reason of the webhook's refusals; `needs-webhook` if the webhook may serve the pod. */
	readonly reason: RejectReason | 'needs-webhook';
	/** The topic, for the names of conditions and for tests. */
	readonly topic: string;
	/** True for pods with this reason, if no earlier reason is true. */
	readonly when: (names: PodNames) => string;
	/** The message, which names the annotation or the container. It never contains a value. */
	readonly message: (names: PodNames) => string;
}

const annotation = (name: string): string => `annotation ${ANNOTATION_PREFIX}${name}`;

/** A name from the pod for a message. Replaces odd or long names. */
const shown = (name: string): string =>
	`(${name}.matches('^[-A-Za-z0-9_./]{1,128}$') ? '"' + ${name} + '"' : 'with an odd name')`;

const KEYED = `'^envtier[.]dev/(${KEYED_ANNOTATION_NAMES.join('|')})[.]'`;

const isCapital = `(name.lowerAscii().startsWith(${literal(ANNOTATION_PREFIX)}) && !name.startsWith(${literal(ANNOTATION_PREFIX)}))`;
const known = [...ALL_NAMES.map((name) => ANNOTATION_PREFIX + name), ...WRITTEN_ANNOTATIONS];
const isUnknown = `(name.startsWith(${literal(ANNOTATION_PREFIX)}) && !(name in ${literals(known)}) && !name.matches(${KEYED}))`;
const forWebhook = literals(WEBHOOK_NAMES.map((name) => ANNOTATION_PREFIX + name));
const isForWebhook = `(name in ${forWebhook} || name.matches(${KEYED}))`;

const always = (expression: string) => (): string => expression;
const firstOf = (list: string, condition: string): string => `${list}.filter(name, ${condition})[0]`;

const OF_NAMES: readonly Reason[] = [
	{
		reason: 'unknown-annotation',
		topic: 'capitals',
		when: always(`${SAYS}.exists(name, ${isCapital})`),
		message: always(
			`'annotation ' + ${shown(firstOf(SAYS, isCapital))} + ' has capital letters before the slash: write ${ANNOTATION_PREFIX}'`,
		),
	},
	{
		reason: 'unknown-annotation',
		topic: 'unknown',
		when: always(`${SAYS}.exists(name, ${isUnknown})`),
		message: always(
			`'annotation ' + ${shown(firstOf(SAYS, isUnknown))} + ${literal(` is unknown: known are ${SERVED_NAMES.map((name) => ANNOTATION_PREFIX + name).join(', ')}`)}`,
		),
	},
	{
		reason: 'needs-webhook',
		topic: 'webhook-annotation',
		when: always(`${SAYS}.exists(name, ${isForWebhook})`),
		message: always(
			`'annotation ' + ${shown(firstOf(SAYS, isForWebhook))} + ' is one that only the webhook serves'`,
		),
	},
	{
		reason: 'nothing-to-deliver',
		topic: 'no-format',
		when: always(`${has('format')} && ${said('format')}.trim() == 'none'`),
		message: always(literal(`${annotation('format')} is "none", so the pod would get nothing: remove it`)),
	},
];

const OF_VALUES: readonly Reason[] = SERVED_NAMES.map((name) => ({
	reason: 'bad-annotation',
	topic: `bad-${name}`,
	when: always(`${has(name)} && !(${SERVED[name]})`),
	message: always(`${literal(`${annotation(name)} must be `)} + ${rule(name)}`),
}));

/** Whether a requirement on a node's labels may leave nodes on Windows alone; it may be none. */
const maySelectWindows = `requirement.key == ${literal(BUILD_LABEL)} ||
      (requirement.key in ${literals(OS_LABELS)} && !(requirement.operator == 'In' && 'linux' in requirement.?values.orValue([])))`;

const isWindows = `has(object.spec.os) ? object.spec.os.name == 'windows' : (
    object.spec.?nodeSelector.orValue({}).exists(label, label == ${literal(BUILD_LABEL)} ||
      (label in ${literals(OS_LABELS)} && object.spec.nodeSelector[label] == 'windows')) ||
    object.spec.?affinity.?nodeAffinity.?requiredDuringSchedulingIgnoredDuringExecution.?nodeSelectorTerms.orValue([]).exists(term,
      term.?matchExpressions.orValue([]).exists(requirement, ${maySelectWindows})) ||
    object.spec.?securityContext.?windowsOptions.?hostProcess.orValue(false) ||
    (${CONTAINERS} + ${INITS}).exists(container, container.?securityContext.?windowsOptions.?hostProcess.orValue(false)))`;

const OF_THE_POD: readonly Reason[] = [
	{
		reason: 'deployment-missing',
		topic: 'no-deployment',
		when: always(`!(${has('deployment')})`),
		message: always(
			literal(
				`the pod has annotations under ${ANNOTATION_PREFIX} but not ${ANNOTATION_PREFIX}deployment, which says whose secrets it gets`,
			),
		),
	},
	{
		reason: 'static-pod',
		topic: 'mirror',
		when: always(`${literal(MIRROR)} in ${SAYS}`),
		message: always(literal('a static pod gets no secrets: it has no service account')),
	},
	{
		reason: 'windows',
		topic: 'windows',
		when: always(isWindows),
		message: always(literal('the pod runs on Windows, or may: the fetcher needs Linux')),
	},
	{
		reason: 'needs-webhook',
		topic: 'size',
		// An injected pod has one init container, two volumes and some mounts more, and is still plain.
		when: always(
			`${CONTAINERS}.size() > ${MOST_CONTAINERS} ||
${INITS}.size() > (${STATUS} in ${SAYS} ? ${MOST_CONTAINERS + 1} : ${MOST_CONTAINERS}) ||
${VOLUMES}.size() > (${STATUS} in ${SAYS} ? ${MOST_MOUNTS + 2} : ${MOST_MOUNTS}) ||
(${CONTAINERS} + ${INITS}).map(container, ${mountsOf('container')}.size()).sum() >
  (${STATUS} in ${SAYS} ? ${MOST_MOUNTS + MOST_CONTAINERS + 2} : ${MOST_MOUNTS}) ||
(${STATUS} in ${SAYS} && ${SAYS}[${STATUS}].size() > ${MOST_STATUS})`,
		),
		message: always(
			literal(
				`the pod has more than ${MOST_CONTAINERS} containers, or more than ${MOST_MOUNTS} volumes or mounts, which only the webhook serves`,
			),
		),
	},
	{
		reason: 'needs-webhook',
		topic: 'init-container-named',
		when: always(`${items('containers')}.exists(name, ${INITS}.exists(container, container.name == name))`),
		message: always(
			literal(`${annotation('containers')} names an init container, which only the webhook serves`),
		),
	},
	{
		reason: 'unknown-container',
		topic: 'unknown-container',
		when: always(
			`!${items('containers')}.all(name, ${CONTAINERS}.exists(container, container.name == name))`,
		),
		message: always(
			`${literal(`${annotation('containers')} names `)} + ${shown(firstOf(items('containers'), `!${CONTAINERS}.exists(container, container.name == name)`))} + ', which is no container of this pod'`,
		),
	},
	{
		reason: 'tier-without-name',
		topic: 'no-service',
		when: always(`'service' in ${items('tiers')} && !(${has('service')})`),
		message: always(
			literal(
				`${annotation('tiers')} asks for the tier "service", but nothing says which: set ${ANNOTATION_PREFIX}service`,
			),
		),
	},
];

/** Parts of an earlier injection of a plain pod. The webhook serves pods with other parts. */
const isForeign = ({ stamped, readers }: PodNames): string => `${stamped} ? (
  ${INITS}.filter(container, ${isFetcher('container.name')}).size() > 1 ||
  ${INITS}.exists(container, ${isFetcher('container.name')} && container.name != ${literal(INJECTED.container)}) ||
  ${VOLUMES}.filter(volume, ${isOurVolume('volume.name')}).exists(volume, !(volume.name in ${literals([INJECTED.volume, INJECTED.tokenVolume])}) ||
    ${VOLUMES}.filter(other, other.name == volume.name).size() > 1) ||
  ${CONTAINERS}.exists(container, ${isFetcher('container.name')}) ||
  (${CONTAINERS} + ${INITS}).exists(container, !${isFetcher('container.name')} && (${hasMoreOfOurs('container')} || (${mountsOurs('container')} &&
    !${readers}.exists(reader, reader.name == container.name)))) ||
  ${readers}.exists(reader, ${mountsOf('reader')}.filter(mount, ${isOurVolume('mount.name')}).size() > 1)
) : (
  ${HAS_PARTS} ||
  (${CONTAINERS} + ${INITS}).exists(container, ${isFetcher('container.name')} || ${mountsOurs('container')} || ${hasMoreOfOurs('container')})
)`;

const OF_READERS: readonly Reason[] = [
	{
		reason: 'name-taken',
		topic: 'our-names',
		when: isForeign,
		message: always(
			literal(
				`the pod has containers, volumes or mounts with names that injection gives (${INJECTED.container}, ${INJECTED.volume}, ${INJECTED.tokenVolume}) and that it has not left so: rename or remove them`,
			),
		),
	},
	{
		reason: 'needs-webhook',
		topic: 'no-uid',
		when: ({ readers }) => `${readers}.exists(reader, ${userOf('reader')} < 0)`,
		message: ({ readers }) =>
			`'container ' + ${shown(`${readers}.filter(reader, ${userOf('reader')} < 0)[0].name`)} + ${literal(` has no runAsUser, and neither has the pod: set it, or say the UID of the image in ${ANNOTATION_PREFIX}run-as-user`)}`,
	},
	{
		reason: 'needs-webhook',
		topic: 'root',
		when: ({ readers }) => `${readers}.exists(reader, ${userOf('reader')} == 0)`,
		message: ({ readers }) =>
			`'container ' + ${shown(`${readers}.filter(reader, ${userOf('reader')} == 0)[0].name`)} + ' runs as root, which only the webhook serves: set its runAsUser'`,
	},
	{
		reason: 'needs-webhook',
		topic: 'several-uids',
		when: ({ readers }) =>
			`${readers}.exists(reader, ${userOf('reader')} != ${userOf(`${readers}[0]`)} || ${groupOf('reader')} != ${groupOf(`${readers}[0]`)})`,
		message: always(
			literal(
				`the containers that get secrets run as several UIDs or GIDs, which only the webhook serves: give them one, or name those of one UID in ${ANNOTATION_PREFIX}containers`,
			),
		),
	},
	{
		reason: 'mount-taken',
		topic: 'mounts',
		when: ({ readers }) => `${readers}.exists(reader, ${mountConflict('reader')})`,
		message: ({ readers }) =>
			`'container ' + ${shown(`${readers}.filter(reader, ${mountConflict('reader')})[0].name`)} + ${literal(` already mounts something at the directory of the secrets, inside it, or read-only above it, or at a path that is not in its shortest form: choose another directory with ${ANNOTATION_PREFIX}path`)}`,
	},
];

/** `mountConflict` of the webhook, which accepts any path. */
function mountConflict(container: string): string {
	const readOnly = `(mount.?readOnly.orValue(false) || ${VOLUMES}.exists(volume, volume.name == mount.name && (${READ_ONLY_KINDS.map((kind) => `has(volume.${kind})`).join(' || ')})))`;
	const [ours, theirs] = [walked(PATH), walked('mount.mountPath')];
	const files = `${container}.?volumeDevices.orValue([]).map(device, device.devicePath) + [${container}.?terminationMessagePath.orValue('/dev/termination-log')]`;
	return `${mountsOf(container)}.exists(mount, !${isOurVolume('mount.name')} && (
    !${isShort('mount.mountPath')} || ${theirs}.startsWith(${ours}) || (${ours}.startsWith(${theirs}) && ${readOnly}))) ||
  (${files}).exists(path, !${isShort('path')} || ${walked('path')}.startsWith(${ours}))`;
}

/** All reasons in the order of the webhook's checks. */
export const REASONS: readonly Reason[] = [...OF_NAMES, ...OF_VALUES, ...OF_THE_POD, ...OF_READERS];

/**
 * True for a pod that requests secrets and that the policy leaves to the webhook. One expression without
 * variables, because webhook configurations have none.
 */
export function notPlain(): string {
	const names = { stamped: 'stamped', readers: 'readers' };
	const of = (reasons: readonly Reason[]): string => anyOf(reasons.map(({ when }) => when(names)));
	const early = of([...OF_NAMES, ...OF_VALUES, ...OF_THE_POD]);
	return `${early} ||\n${bind('stamped', STAMPED, bind('readers', readersOf('stamped'), of(OF_READERS)))}`;
}

/** The same as variables, for policies that have them. */
export const VARIABLES: readonly { readonly name: string; readonly expression: string }[] = [
	{ name: 'stamped', expression: STAMPED },
	{ name: 'secretReaders', expression: readersOf('variables.stamped') },
];

/** How these variables are written. */
export const AS_VARIABLES: PodNames = { stamped: 'variables.stamped', readers: 'variables.secretReaders' };
