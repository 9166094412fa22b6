import { ANNOTATION_PREFIX, isUnderPrefix } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { quoted } from '../admission/redact.ts';
import { isAddedVolume } from './added-names.ts';
import { type ContainerFacts, containerFacts } from './container.ts';
import { id, item, type Json, list, Malformed, object, text, texts } from './json.ts';
import { runsOnWindows } from './windows.ts';

/** The facts about one volume that decisions use. */
export interface VolumeFacts {
	readonly name: string;
	/** Its position in the pod's `volumes`. */
	readonly index: number;
	/** True when no container can write to it, however it is mounted. */
	readonly readOnly: boolean;
	/** The decoded volume; set only for names that injection uses. */
	readonly raw: Json | undefined;
}

/** The facts about one pod that decisions use. Nothing else of it is read. */
export interface PodFacts {
	/** Annotations with our prefix only. Undefined when the pod has no annotations map. */
	readonly annotations: ReadonlyMap<string, string> | undefined;
	readonly serviceAccount: string;
	readonly user: number | undefined;
	readonly group: number | undefined;
	/** The default of Kubernetes is Always. */
	readonly restartPolicy: string;
	readonly hostNetwork: boolean;
	/** Whether its containers see the processes of the node. */
	readonly hostPid: boolean;
	/** Whether its containers see the processes of one another (shareProcessNamespace). */
	readonly sharedProcesses: boolean;
	readonly windows: boolean;
	/** The mirror of a static pod. The kubelet created it, and a change of it has no effect. */
	readonly mirror: boolean;
	readonly containers: readonly ContainerFacts[];
	/** Undefined when the pod has no `initContainers` at all. */
	readonly initContainers: readonly ContainerFacts[] | undefined;
	readonly ephemeralNames: readonly string[];
	/** Undefined when the pod has no `volumes` at all. */
	readonly volumes: readonly VolumeFacts[] | undefined;
	/** Names of its image pull secrets; undefined when the pod has no such list. */
	readonly pullSecrets: readonly string[] | undefined;
	/** True when the pod as a whole carries requests or limits (KEP-2837). */
	readonly podLevelResources: boolean;
}

/** Twice the API server's limit for the annotations of an object, which it checks later. */
const MAX_ANNOTATIONS = 512 * 1024;

/**
 * The annotations with our prefix, in any case of letters. Others are not read: there may be hundreds of
 * thousands.
 */
function annotationsOf(metadata: Json): ReadonlyMap<string, string> | undefined {
	if (metadata['annotations'] === undefined || metadata['annotations'] === null) return undefined;
	const all = object(metadata['annotations'], 'metadata.annotations');
	const ours = new Map<string, string>();
	let size = 0;
	for (const name of Object.keys(all)) {
		if (!isUnderPrefix(name)) continue;
		const value = annotationText(name, all[name]);
		ours.set(name, value);
		size += name.length + value.length;
	}
	if (size > MAX_ANNOTATIONS)
		throw new Malformed(
			`metadata.annotations has more than ${MAX_ANNOTATIONS} characters under ${ANNOTATION_PREFIX}`,
		);
	return ours;
}

/** The value of an annotation. Without quotes YAML reads `true` as a boolean and `5432` as a number. */
function annotationText(name: string, value: unknown): string {
	if (typeof value === 'boolean' || typeof value === 'number')
		throw new Malformed(`annotation ${quoted(name)} is not a string: put its value in quotes`);
	return typeof value === 'string' ? value : (text(value, `annotation ${quoted(name)}`) ?? '');
}

/** The kubelet's annotation on the mirror of a static pod. */
export const MIRROR = 'kubernetes.io/config.mirror';

function isMirror(metadata: Json): boolean {
	return Object.hasOwn(object(metadata['annotations'], 'metadata.annotations'), MIRROR);
}

/** Kinds of volumes that the kubelet mounts read-only, whatever the mount says. */
export const READ_ONLY_KINDS = ['configMap', 'secret', 'projected', 'downwardAPI', 'image'] as const;

function volumeFacts(value: unknown, path: string, index: number): VolumeFacts {
	const raw = item(value, path);
	const name = text(raw['name'], `${path}.name`) ?? '';
	return {
		name,
		index,
		raw: isAddedVolume(name) ? raw : undefined,
		readOnly: READ_ONLY_KINDS.some((kind) => raw[kind] !== undefined && raw[kind] !== null),
	};
}

/** True when the pod itself has resource requests or limits. */
function hasResources(resources: Json): boolean {
	return ['requests', 'limits'].some(
		(field) => Object.keys(object(resources[field], `spec.resources.${field}`)).length > 0,
	);
}

function containersOf(spec: Json): readonly ContainerFacts[] {
	const containers = list(spec['containers'], 'spec.containers') ?? [];
	if (containers.length === 0) throw new Malformed('spec.containers is empty');
	return containers.map((container, i) => containerFacts(container, 'containers', i));
}

function facts(pod: unknown, annotations: PodFacts['annotations']): PodFacts {
	const raw = object(pod, 'the pod');
	const metadata = object(raw['metadata'], 'metadata');
	const spec = object(raw['spec'], 'spec');
	const security = object(spec['securityContext'], 'spec.securityContext');
	return {
		annotations,
		serviceAccount:
			text(spec['serviceAccountName'], 'spec.serviceAccountName') ||
			text(spec['serviceAccount'], 'spec.serviceAccount') ||
			'default',
		user: id(security['runAsUser'], 'spec.securityContext.runAsUser'),
		group: id(security['runAsGroup'], 'spec.securityContext.runAsGroup'),
		restartPolicy: text(spec['restartPolicy'], 'spec.restartPolicy') || 'Always',
		hostNetwork: spec['hostNetwork'] === true,
		hostPid: spec['hostPID'] === true,
		sharedProcesses: spec['shareProcessNamespace'] === true,
		windows: runsOnWindows(spec),
		mirror: isMirror(metadata),
		containers: containersOf(spec),
		initContainers: list(spec['initContainers'], 'spec.initContainers')?.map((c, i) =>
			containerFacts(c, 'initContainers', i),
		),
		ephemeralNames: texts(spec['ephemeralContainers'], 'name', 'spec.ephemeralContainers') ?? [],
		volumes: list(spec['volumes'], 'spec.volumes')?.map((volume, i) =>
			volumeFacts(volume, `spec.volumes[${i}]`, i),
		),
		pullSecrets: texts(spec['imagePullSecrets'], 'name', 'spec.imagePullSecrets'),
		podLevelResources: hasResources(object(spec['resources'], 'spec.resources')),
	};
}

/** Returns the result of a reader, or the message of its `Malformed` error. */
function catchMalformed<T>(read: () => T): Result<T> {
	try {
		return ok(read());
	} catch (error) {
		if (error instanceof Malformed) return err(error.message);
		throw error;
	}
}

/**
 * The annotations with our prefix, of a pod as decoded from JSON. Reads nothing else. Undefined when there is
 * no map.
 */
export function podAnnotations(pod: unknown): Result<ReadonlyMap<string, string> | undefined> {
	return catchMalformed(() => annotationsOf(object(object(pod, 'the pod')['metadata'], 'metadata')));
}

/**
 * Reads the facts for a decision from a pod, as decoded from JSON. The API server sends well-formed pods.
 * Other callers may send anything: every field that is read must have the type of the API. The error names
 * the first field that does not.
 *
 * @param annotations the result of `podAnnotations`
 */
export function podFacts(pod: unknown, annotations: PodFacts['annotations']): Result<PodFacts> {
	return catchMalformed(() => facts(pod, annotations));
}
