import { err, ok, type Result } from '../contract/result.ts';
import { type ContainerFacts, containerFacts } from './container.ts';
import { id, item, type Json, list, Malformed, object, text, texts } from './json.ts';

/** What a decision needs to know of one volume. */
export interface VolumeFacts {
	readonly name: string;
	/** True when no container can write to it, however it is mounted. */
	readonly readOnly: boolean;
}

/** What a decision needs to know of one pod; everything else in it is never looked at. */
export interface PodFacts {
	/** Undefined when the pod has no annotations map at all. */
	readonly annotations: ReadonlyMap<string, string> | undefined;
	readonly serviceAccount: string;
	readonly user: number | undefined;
	readonly group: number | undefined;
	readonly windows: boolean;
	/** The mirror of a static pod: the kubelet made it, and changing it has no effect on what runs. */
	readonly mirror: boolean;
	readonly containers: readonly ContainerFacts[];
	/** Undefined when the pod has no `initContainers` at all. */
	readonly initContainers: readonly ContainerFacts[] | undefined;
	readonly ephemeralNames: readonly string[];
	/** Undefined when the pod has no `volumes` at all. */
	readonly volumes: readonly VolumeFacts[] | undefined;
	/** True when the pod as a whole carries requests or limits (KEP-2837). */
	readonly podLevelResources: boolean;
}

function annotationsOf(pod: Json): ReadonlyMap<string, string> | undefined {
	const metadata = object(pod['metadata'], 'metadata');
	if (metadata['annotations'] === undefined || metadata['annotations'] === null) return undefined;
	const entries = Object.entries(object(metadata['annotations'], 'metadata.annotations'));
	return new Map(entries.map(([name, value]) => [name, text(value, 'an annotation’s value') ?? '']));
}

/** spec.os says it outright; before it existed, the well-known node label was how a pod said it. */
function runsOnWindows(spec: Json): boolean {
	const os = object(spec['os'], 'spec.os')['name'];
	if (os !== undefined) return os === 'windows';
	return object(spec['nodeSelector'], 'spec.nodeSelector')['kubernetes.io/os'] === 'windows';
}

/** Kinds of volumes that the kubelet mounts read-only, whatever the mount says. */
const READ_ONLY = ['configMap', 'secret', 'projected', 'downwardAPI', 'image'] as const;

function volumeFacts(value: unknown, path: string): VolumeFacts {
	const raw = item(value, path);
	return {
		name: text(raw['name'], `${path}.name`) ?? '',
		readOnly: READ_ONLY.some((kind) => raw[kind] !== undefined && raw[kind] !== null),
	};
}

/** True when the pod as a whole says anything about its resources. */
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

function facts(pod: unknown): PodFacts {
	const raw = object(pod, 'the pod');
	const annotations = annotationsOf(raw);
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
		windows: runsOnWindows(spec),
		mirror: annotations?.has('kubernetes.io/config.mirror') ?? false,
		containers: containersOf(spec),
		initContainers: list(spec['initContainers'], 'spec.initContainers')?.map((c, i) =>
			containerFacts(c, 'initContainers', i),
		),
		ephemeralNames: texts(spec['ephemeralContainers'], 'name', 'spec.ephemeralContainers') ?? [],
		volumes: list(spec['volumes'], 'spec.volumes')?.map((volume, i) =>
			volumeFacts(volume, `spec.volumes[${i}]`),
		),
		podLevelResources: hasResources(object(spec['resources'], 'spec.resources')),
	};
}

/** Gives what a reader of JSON gives, or the message of what is malformed. */
function attempt<T>(read: () => T): Result<T> {
	try {
		return ok(read());
	} catch (error) {
		if (error instanceof Malformed) return err(error.message);
		throw error;
	}
}

/** The annotations of a pod as decoded from JSON, nothing else of it looked at; undefined when it has none. */
export function podAnnotations(pod: unknown): Result<ReadonlyMap<string, string> | undefined> {
	return attempt(() => annotationsOf(object(pod, 'the pod')));
}

/**
 * Reads the facts that decisions rest on out of a pod, as decoded from JSON. The API server sends well-formed pods;
 * whatever else may reach the endpoint, only a pod whose looked-at fields have the API's types gets through.
 * The error names the first field that does not.
 */
export function podFacts(pod: unknown): Result<PodFacts> {
	return attempt(() => facts(pod));
}
