import { isUnderPrefix, ORG_LABEL } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { type Json, object, text } from '../../lib/json.ts';
import type { Document } from './documents.ts';
import { podPartsOf } from './pod-templates.ts';

/** Something whose pods the webhook would be asked about. */
export interface Subject {
	readonly place: string;
	readonly kind: string;
	/** As far as it is known: pods may leave the end of it to the API server (`web-*`). */
	readonly name: string;
	readonly namespace: string;
	/** Of a kind that is not known here: where in the object its pod template or its annotations are. */
	readonly at: string | undefined;
	/**
	 * The pod itself, or the pod that the workload's controller creates. Without `spec` if only annotations were
	 * found: then the pod is unknown.
	 */
	readonly pod: Json;
	/** The label of its namespace that names an organization. */
	readonly orgLabel: NamespaceOrgLabel | undefined;
	/** True when annotations under the prefix stand on the workload itself, where no pod gets them from. */
	readonly hasIgnoredAnnotations: boolean;
}

/** What is known of a label: its value, undefined for a namespace that has none. */
export interface NamespaceOrgLabel {
	readonly value: string | undefined;
}

/** Where each workload keeps the template of its pods. */
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

/** The kinds that can be explained, for messages. */
export const KINDS = ['Pod', ...Object.keys(TEMPLATES).map((kind) => kind.split('/')[1] ?? '')];

/** The kind with its API group: `apps/Deployment`, `/Pod`. */
function groupKind(found: Json): string {
	const version = text(found['apiVersion']) ?? '';
	return `${version.includes('/') ? version.split('/')[0] : ''}/${text(found['kind']) ?? ''}`;
}

function hasOwnAnnotations(metadata: Json | undefined): boolean {
	return Object.keys(object(metadata?.['annotations']) ?? {}).some(isUnderPrefix);
}

/** The name of a namespace and its label, if the object is one. */
export function namespaceOf({ object: found }: Document): readonly [string, NamespaceOrgLabel] | undefined {
	const metadata = object(found['metadata']);
	const name = text(metadata?.['name']);
	if (groupKind(found) !== '/Namespace' || name === undefined) return undefined;
	return [name, { value: text(object(metadata?.['labels'])?.[ORG_LABEL]) }];
}

/**
 * Returns the pods of one object: one for a known kind; for another kind one for each pod template in it, and
 * one for each map of annotations that requests secrets.
 *
 * @param namespace of objects that name none
 */
export function subjectsOf(document: Document, namespace: string): Result<readonly Subject[]> {
	const found = document.object;
	const kind = groupKind(found);
	const metadata = object(found['metadata']);
	const generated = text(metadata?.['generateName']);
	const name = text(metadata?.['name']) ?? (generated === undefined ? '(nameless)' : `${generated}*`);
	const common = {
		place: document.place,
		kind: text(found['kind']) ?? '',
		name,
		namespace: text(metadata?.['namespace']) ?? namespace,
		at: undefined,
		orgLabel: undefined,
		hasIgnoredAnnotations: false,
	};
	if (kind === '/Pod') return ok([{ ...common, pod: found }]);
	const path = TEMPLATES[kind];
	if (path === undefined) return ok(ofUnknownKind(found, common));
	const template = path.reduce<Json | undefined>((at, step) => object(at?.[step]), found);
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
		// The template's metadata as it is, even where it is not what it should be: the decision says so.
		metadata: { generateName: `${name}-`, ...(object(template['metadata']) ?? {}) },
		spec: template['spec'],
	};
}

function ofUnknownKind(found: Json, common: Omit<Subject, 'pod'>): readonly Subject[] {
	const { templates, annotations, labels } = podPartsOf(found);
	const { name } = common;
	const ofMetadata = (field: 'annotations' | 'labels', parts: typeof annotations) =>
		parts.map(({ path, value }) => ({
			...common,
			at: path,
			pod: { apiVersion: 'v1', kind: 'Pod', metadata: { [field]: value } },
		}));
	return [
		...templates.map(({ path, value }) => ({ ...common, at: path, pod: named(podOf(name, value)) })),
		...ofMetadata('annotations', annotations),
		...ofMetadata('labels', labels),
	];
}

/** Some operators name the containers themselves (Knative): then any name does. */
function named(pod: Json): Json {
	const spec = object(pod['spec']) ?? {};
	const containers = (spec['containers'] as readonly Json[]).map((container, i) =>
		text(container['name']) === undefined ? { name: `container-${i}`, ...container } : container,
	);
	return { ...pod, spec: { ...spec, containers } };
}
