import { ANNOTATION_PREFIX, INJECTED, ORG_LABEL } from '../contract/names.ts';
import { WRAPPER_NAME } from '../webhook/admission/wrap.ts';
import { type AnnotationName, STATUS_ANNOTATION } from '../webhook/annotations/annotations.ts';
import { FETCHER_NAME, VOLUME_NAME } from '../webhook/pod/added-names.ts';
import { literal, pattern } from './cel.ts';

/** Expressions on the pod of the request. Those on annotations need a pod with annotations. */

/** The pod's annotations. */
export const SAYS = 'object.metadata.annotations';

/**
 * Whether the pod requests secrets: the match conditions of the webhook configuration, in their order.
 */
export const ASKS = `has(${SAYS}) && ${SAYS}.exists(name, name.lowerAscii().startsWith(${literal(ANNOTATION_PREFIX)}))`;
export const NOT_OPTED_OUT = `!(${has('inject')} && ${said('inject')} == 'false')`;

/** Whether the pod has an annotation of ours, and its value. */
export function has(name: AnnotationName): string {
	return `${literal(ANNOTATION_PREFIX + name)} in ${SAYS}`;
}

export function said(name: AnnotationName): string {
	return `${SAYS}[${literal(ANNOTATION_PREFIX + name)}]`;
}

/** The value of an annotation, or this expression if the pod does not have it. */
export function saidOr(name: AnnotationName, otherwise: string): string {
	return `${SAYS}[?${literal(ANNOTATION_PREFIX + name)}].orValue(${otherwise})`;
}

/** The items of a comma-separated annotation; empty if the pod does not have it. */
export function items(name: AnnotationName): string {
	return `(${has(name)} ? ${said(name)}.split(',').map(item, item.trim()) : [])`;
}

export const STATUS = literal(STATUS_ANNOTATION);
export const CONTAINERS = 'object.spec.containers';
export const INITS = 'object.spec.?initContainers.orValue([])';
export const VOLUMES = 'object.spec.?volumes.orValue([])';

export const mountsOf = (container: string): string => `${container}.?volumeMounts.orValue([])`;
export const envOf = (container: string): string => `${container}.?env.orValue([])`;

/** Whether a name is that of a fetcher, or of a volume that injection adds. */
export const isFetcher = (name: string): string => `${name}.matches(${pattern(FETCHER_NAME)})`;
/** The first half is cheap and false for most volumes. */
export const isOurVolume = (name: string): string =>
	`(${name}.startsWith('envtier-') && ${name}.matches(${pattern(VOLUME_NAME)}))`;

/** Whether a container mounts a volume of ours. */
export const mountsOurs = (container: string): string =>
	`${mountsOf(container)}.exists(mount, ${isOurVolume('mount.name')})`;

/**
 * Whether a container has an injected part other than a mount: a native variable or a wrapped command.
 */
export const hasMoreOfOurs = (container: string): string =>
	`(${envOf(container)}.exists(variable, ${isOurVolume("variable.?valueFrom.?fileKeyRef.?volumeName.orValue('')")}) || ` +
	`${container}.?command.orValue([]).exists(word, word == ${literal(WRAPPER_NAME)}))`;

/** Whether the pod has anything with our names. */
export const HAS_PARTS = `(
  ${INITS}.exists(container, ${isFetcher('container.name')}) ||
  ${VOLUMES}.exists(volume, ${isOurVolume('volume.name')}) ||
  ${CONTAINERS}.exists(container, ${mountsOurs('container')}))`;

/**
 * Whether the pod was injected before, by its status annotation and its parts. Injection corrects parts that
 * a user wrote.
 */
export const STAMPED = `(${STATUS} in ${SAYS}) && ${HAS_PARTS}`;

/** The names in the status annotation, among others. */
const STATUS_NAMES = `(${STATUS} in ${SAYS} ? ${SAYS}[${STATUS}].split('"') : [])`;

/** Expressions that the readers depend on. */
export interface PodNames {
	/** The expression STAMPED. */
	readonly stamped: string;
	/** The containers that get the files. */
	readonly readers: string;
}

/**
 * The app containers that get the files: those in the annotation, else those of an earlier injection, else
 * all (`chosenContainers`, `earlierReaders`).
 */
export function readersOf(stamped: string): string {
	const named = `${CONTAINERS}.filter(container, container.name in names[0])`;
	const found = `${CONTAINERS}.filter(container, container.name in names[1] || ${mountsOurs('container')})`;
	const earlier = `[${found}].map(found, found.size() == 0 ? ${CONTAINERS} : found)[0]`;
	return `[[${items('containers')}, ${STATUS_NAMES}]].map(names,
  ${has('containers')} ? ${named} :
  ${stamped} ? ${earlier} :
  ${CONTAINERS})[0]`;
}

/** The UID that a container reads files as; -1 if unknown. The annotation must be a valid number. */
export function userOf(container: string): string {
	const pod = `object.spec.?securityContext.?runAsUser.orValue(${asked('run-as-user')})`;
	return `${container}.?securityContext.?runAsUser.orValue(${pod})`;
}

/** The group of these files. */
export function groupOf(container: string): string {
	const pod = 'object.spec.?securityContext.?runAsGroup.orValue';
	return `${container}.?securityContext.?runAsGroup.orValue(${pod}(${has('run-as-group')} ? int(${said('run-as-group')}) : ${userOf(container)}))`;
}

function asked(name: 'run-as-user'): string {
	return `${has(name)} ? int(${said(name)}) : -1`;
}

/** The mount path in the containers. */
export const PATH = saidOr('path', literal(INJECTED.outDir));

/** The label of the namespace that names the organization, as an optional. */
export const NAMESPACE_LABEL = `namespaceObject.metadata.?labels[?${literal(ORG_LABEL)}]`;

/**
 * A path in a form for prefix comparison: with a slash at its end, and with /run for /var/run, which is a
 * link in most images (`linkFollowed`). Kubernetes allows no ":" in a mount path.
 */
export const walked = (path: string): string =>
	`(':' + ${path} + '/').replace('//', '/').replace(':/var/run/', ':/run/')`;

/** Whether a path is in its shortest form. A slash at its end is allowed. */
export const isShort = (path: string): string =>
	`(${path} == '/' || ${path}.matches('^(/([^/.:][^/:]*|[.][^/.:][^/:]*|[.][.][^/:]+))+/?$'))`;
