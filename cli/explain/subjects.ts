import { isUnderPrefix, ORG_LABEL } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { type Json, object, text } from '../../lib/json.ts';
import type { Document } from './documents.ts';
import { podPartsOf } from './pod-templates.ts';

/** An object with pods that the webhook would decide about. */
export interface Subject {
	readonly place: string;
	readonly kind: string;
	/** The name as far as the input has it. The API server may complete a pod's name (`web-*`). */
	readonly name: string;
	readonly namespace: string;
	/** For an unknown kind: the path of the pod template or of the annotations in the object. */
	readonly at: string | undefined;
	/**
	 * The pod itself, or the pod that the workload's controller creates. Without `spec` if only annotations were
	 * manifest: then the pod is unknown.
	 */
	readonly pod: Json;
	/** The label of its namespace that names an organization. */
	readonly orgLabel: NamespaceOrgLabel | undefined;
	/** True when the workload itself has annotations under the prefix: pods do not inherit them. */
	readonly hasIgnoredAnnotations: boolean;
}

/** The label of a namespace; its value is undefined for a namespace without the label. */
export interface NamespaceOrgLabel {
	readonly value: string | undefined;
}

/** The path of the pod template in each kind of workload. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
	'apps/Deployment': ['spec', 'template'],
	'apps/StatefulSet': ['spec', 'template'],
	'apps/DaemonSet': ['spec', 'template'],
	'apps/ReplicaSet': ['spec', 'template'],
	'batch/Job': ['spec', 'template'],
	'batch/CronJob': ['spec', 'jobTemplate', 'spec', 'template'],
	'/ReplicationController': ['spec', 'template'],
	'/PodTemplate': ['template'],
};

/** The kinds that the command explains, for messages. */
export const KINDS = ['Pod', ...Object.keys(TEMPLATES).map((kind) => kind.split('/')[1] ?? '')];

/** The kind with its API group: `apps/Deployment`, `/Pod`. */
function groupKind(manifest: Json): string {
	const version = text(manifest['apiVersion']) ?? '';
	return `${version.includes('/') ? version.split('/')[0] : ''}/${text(manifest['kind']) ?? ''}`;
}

function hasOwnAnnotations(metadata: Json | undefined): boolean {
	return Object.keys(object(metadata?.['annotations']) ?? {}).some(isUnderPrefix);
}

/** The name of a namespace and its label; undefined for an object that is not a Namespace. */
export function namespaceOf({
	object: manifest,
}: Document): readonly [string, NamespaceOrgLabel] | undefined {
	const metadata = object(manifest['metadata']);
	const name = text(metadata?.['name']);
	if (groupKind(manifest) !== '/Namespace' || name === undefined) return undefined;
	return [name, { value: text(object(metadata?.['labels'])?.[ORG_LABEL]) }];
}

/**
 * Returns the pods of one object: one for a known kind; for another kind one for each pod template in it, and
 * one for each map of annotations that requests secrets.
 *
 * @param namespace namespace of objects without one
 */
export function subjectsOf(document: Document, namespace: string): Result<readonly Subject[]> {
	const manifest = document.object;
	const kind = groupKind(manifest);
	const metadata = object(manifest['metadata']);
	const generated = text(metadata?.['generateName']);
	const name = text(metadata?.['name']) ?? (generated === undefined ? '(nameless)' : `${generated}*`);
	const common = {
		place: document.place,
		kind: text(manifest['kind']) ?? '',
		name,
		namespace: text(metadata?.['namespace']) ?? namespace,
		at: undefined,
		orgLabel: undefined,
		hasIgnoredAnnotations: false,
	};
	if (kind === '/Pod') return ok([{ ...common, pod: manifest }]);
	const path = TEMPLATES[kind];
	if (path === undefined) return ok(ofUnknownKind(manifest, common));
	const template = path.reduce<Json | undefined>((at, step) => object(at?.[step]), manifest);
	if (template === undefined)
		return err(`${document.place}: ${common.kind} ${name} has no ${path.join('.')}, so no pods`);
	const hasIgnoredAnnotations =
		hasOwnAnnotations(metadata) && !hasOwnAnnotations(object(template['metadata']));
	return ok([{ ...common, pod: podOf(name, template), hasIgnoredAnnotations }]);
}

function podOf(name: string, template: Json): Json {
	return {
		apiVersion: 'v1',
		kind: 'Pod',
		// Keeps the template's metadata unchanged, even if it is invalid: the decision reports that.
		metadata: { generateName: `${name}-`, ...(object(template['metadata']) ?? {}) },
		spec: template['spec'],
	};
}

function ofUnknownKind(manifest: Json, common: Omit<Subject, 'pod'>): readonly Subject[] {
	const { templates, annotations, labels } = podPartsOf(manifest);
	const { name } = common;
	const ofMetadata = (field: 'annotations' | 'labels', parts: typeof annotations) =>
		parts.map(({ path, value }) => ({
			...common,
			at: path,
			pod: { apiVersion: 'v1', kind: 'Pod', metadata: { [field]: value } },
		}));
	return [
		...templates.map(({ path, value }) => ({
			...common,
			at: path,
			pod: withContainerNames(podOf(name, value)),
		})),
		...ofMetadata('annotations', annotations),
		...ofMetadata('labels', labels),
	];
}

/** Adds missing names of containers. Some operators name the containers themselves (Knative). */
function withContainerNames(pod: Json): Json {
	const spec = object(pod['spec']) ?? {};
	const containers = (spec['containers'] as readonly Json[]).map((container, i) =>
		text(container['name']) === undefined ? { name: `container-${i}`, ...container } : container,
	);
	return { ...pod, spec: { ...spec, containers } };
}
