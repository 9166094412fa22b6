import { ANNOTATION_PREFIX } from '../../contract/names.ts';
import { ROLLOUT_ANNOTATIONS } from '../../contract/rollout.ts';
import { type Json, object, text } from '../../lib/json.ts';
import { podSelector } from '../../lib/kubernetes/selector.ts';
import { parseState, type RolloutState } from '../rollouts/state.ts';
import type { WorkloadKind } from './kinds.ts';
import { type Progress, progressOf } from './progress.ts';

/** A workload whose pods ask to be rolled after a change. */
export interface Workload {
	readonly kind: WorkloadKind;
	readonly namespace: string;
	readonly name: string;
	readonly uid: string;
	readonly resourceVersion: string;
	readonly generation: number;
	/** Milliseconds since 1970. */
	readonly createdAt: number;
	/** The selector of its pods, as text for the API. */
	readonly selector: string;
	/** What the controller recorded; undefined: it does not know the workload yet. */
	readonly state: RolloutState | undefined;
	/** The revision in the pod template. */
	readonly templateRevision: string | undefined;
	/** A check that somebody asked for. */
	readonly requested: string | undefined;
	/** Why a new template would not start new pods now. */
	readonly blocked: string | undefined;
	readonly progress: Progress;
	/** The key of the Deployment whose pod template an Argo Rollout uses; the selector is that one's. */
	readonly refersTo?: string;
}

/** The name of a workload for people: `shop/deployment/web`. */
export function workloadName({ namespace, kind, name }: Workload): string {
	return `${namespace}/${kind.kind.toLowerCase()}/${name}`;
}

/** The annotation of the pod template that asks for rollouts. */
const ON_CHANGE = `${ANNOTATION_PREFIX}on-change`;
const INJECT = `${ANNOTATION_PREFIX}inject`;

/** Longest selector that is used. */
const LONGEST_SELECTOR = 2_000;

/**
 * Decodes an object of the API server. Undefined if its pods do not ask for rollouts, or if it is not what
 * the API documents.
 */
export function workloadOf(kind: WorkloadKind, decoded: Json): Workload | undefined {
	const metadata = object(decoded['metadata']);
	const spec = object(decoded['spec']);
	const template = object(object(spec?.['template'])?.['metadata']);
	const annotations = object(template?.['annotations']);
	const reference = kind.kind === 'Rollout' ? object(spec?.['workloadRef']) : undefined;
	const asks = annotations?.[ON_CHANGE] === 'rollout' && annotations[INJECT] !== 'false';
	if (!asks && reference?.['kind'] !== 'Deployment') return undefined;
	const [namespace, name] = [text(metadata?.['namespace']), text(metadata?.['name'])];
	const [uid, resourceVersion] = [text(metadata?.['uid']), text(metadata?.['resourceVersion'])];
	const refersTo = reference && `Deployment ${namespace}/${text(reference['name']) ?? ''}`;
	const selector = refersTo === undefined ? podSelector(decoded) : 'the selector of the Deployment';
	if (!spec || !metadata || !namespace || !name || !uid || !resourceVersion || !selector) return undefined;
	if (selector.length > LONGEST_SELECTOR) return undefined;
	const own = object(metadata['annotations']);
	const generation = numberOr(metadata['generation'], 0);
	return {
		...{ kind, namespace, name, uid, resourceVersion, generation, selector },
		createdAt: Date.parse(text(metadata['creationTimestamp']) ?? '') || 0,
		state: parseState(text(own?.[ROLLOUT_ANNOTATIONS.state])),
		...(refersTo === undefined ? {} : { refersTo }),
		templateRevision: text(annotations?.[ROLLOUT_ANNOTATIONS.revision]),
		requested: text(own?.[ROLLOUT_ANNOTATIONS.requested]),
		blocked: blockedBy(kind, spec),
		progress: progressOf(kind, { generation, spec, status: object(decoded['status']) ?? {} }),
	};
}

function numberOr(value: unknown, other: number): number {
	return typeof value === 'number' ? value : other;
}

/** Why a change of the template would not start new pods. */
function blockedBy({ kind }: WorkloadKind, spec: Json): string | undefined {
	if (spec['paused'] === true) return 'it is paused';
	const strategy = object(spec['updateStrategy']);
	if (strategy?.['type'] === 'OnDelete') return 'its update strategy is OnDelete';
	const partition = numberOr(object(strategy?.['rollingUpdate'])?.['partition'], 0);
	if (kind === 'StatefulSet' && partition > 0) return `its update strategy has the partition ${partition}`;
	return undefined;
}
