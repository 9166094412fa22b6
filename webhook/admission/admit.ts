import { ANNOTATION_PREFIX } from '../../contract/names.ts';
import { type PodOptions, STATUS_ANNOTATION } from '../annotations/annotations.ts';
import { parseAnnotations } from '../annotations/parse-annotations.ts';
import { changesFor } from '../patch/patch.ts';
import { revertedChanges } from '../patch/reverted-changes.ts';
import { countParts, NO_EARLIER_INJECTION, separateInjection } from '../pod/earlier-injection.ts';
import { type PodFacts, podAnnotations, podFacts } from '../pod/pod.ts';
import type { InjectionSettings } from '../settings.ts';
import type { Decision } from './decision.ts';
import { type FetchSpec, fetchSpecOf } from './fetch-spec.ts';
import {
	annotationsTooLong,
	tooManyInjectedParts,
	tooManyKeyedValues,
	tooManyPieces,
	tooMuchToParse,
} from './limits.ts';
import { planFor } from './plan.ts';
import { type Rejection, reject } from './rejection.ts';
import type { AdmissionRequest } from './review.ts';
import { earlierReaders, parseStatus, sinceInjection, statusOf } from './status.ts';

/**
 * Decides what to do with the pod of an admission request. Pure: no I/O, and it never throws, whatever the
 * pod looks like. Only the creation of a pod is changed. Updates, subresources and other kinds are skipped,
 * because the containers of a pod cannot change later.
 */
export function admit(request: AdmissionRequest, settings: InjectionSettings): Decision {
	if (request.operation !== 'CREATE' || request.kind !== 'Pod' || request.subResource !== '')
		return { kind: 'skip', reason: 'not-a-pod-creation' };
	if (request.excess !== undefined) return tooMuchToParse(request.excess);
	// Skips a pod without our annotations, however malformed the rest of it is.
	const annotations = podAnnotations(request.object);
	if (!annotations.ok) return malformed(annotations.error);
	if (!annotations.value?.size) return { kind: 'skip', reason: 'not-requested' };
	const large = tooManyPieces(request.object);
	if (large !== undefined) return large;
	const pod = podFacts(request.object, annotations.value);
	return pod.ok ? decide(pod.value, request.namespace, settings) : malformed(pod.error);
}

function malformed(error: string): Rejection {
	return reject('malformed-pod', `the pod does not match the Kubernetes API: ${error}`);
}

function decide(pod: PodFacts, namespace: string, settings: InjectionSettings): Decision {
	const annotations = pod.annotations ?? new Map<string, string>();
	if (annotations.get(`${ANNOTATION_PREFIX}inject`) === 'false') return { kind: 'skip', reason: 'opted-out' };
	const tooLong = annotationsTooLong(annotations);
	if (tooLong !== undefined) return tooLong;
	const read = parseAnnotations(annotations);
	if (!read.ok) return read.error;
	const many = tooManyKeyedValues(read.value);
	if (many !== undefined) return many;
	const { deployment } = read.value;
	if (deployment === undefined)
		return reject(
			'deployment-missing',
			`the pod has annotations under ${ANNOTATION_PREFIX} but not ${ANNOTATION_PREFIX}deployment, which says whose secrets it gets: add it, or set ${ANNOTATION_PREFIX}inject to "false"`,
		);
	const fetchSpec = fetchSpecOf({ ...read.value, deployment }, pod.serviceAccount, namespace, settings);
	if (!fetchSpec.ok) return fetchSpec.error;
	const status = annotations.get(STATUS_ANNOTATION);
	return status === undefined
		? inject(pod, read.value, fetchSpec.value, settings)
		: reconcile(pod, status, read.value, fetchSpec.value, settings);
}

/** A pod that was not injected before. */
function inject(
	pod: PodFacts,
	options: PodOptions,
	fetchSpec: FetchSpec,
	settings: InjectionSettings,
): Decision {
	const planned = planFor(pod, options, fetchSpec, settings);
	if (!planned.ok) return planned.error;
	const status = statusOf(planned.value.plan, options, settings);
	const from = {
		pod,
		parts: NO_EARLIER_INJECTION,
		plan: planned.value.plan,
		containers: planned.value.containers,
		settings,
		earlierImage: undefined,
		status,
	};
	const patch = changesFor(from).flatMap(({ operations }) => operations);
	const { plan, warnings } = planned.value;
	return { kind: 'inject', plan, warnings, patch, reconciled: [] };
}

/**
 * Handles a pod that was injected before: a reinvocation, or a copy of a running pod. The plan is made as if
 * the pod had not been injected. Everything in the pod that has our names is then changed to match the plan,
 * whoever added it (ADR 40).
 */
function reconcile(
	pod: PodFacts,
	text: string,
	options: PodOptions,
	fetchSpec: FetchSpec,
	settings: InjectionSettings,
): Decision {
	const { pod: bare, parts } = separateInjection(pod);
	const many = tooManyInjectedParts(countParts(parts));
	if (many !== undefined) return many;
	const earlierStatus = parseStatus(text);
	const readers = options.containers ?? earlierReaders(earlierStatus, bare, parts, options);
	const planned = planFor(
		bare,
		readers === undefined ? options : { ...options, containers: readers },
		fetchSpec,
		settings,
	);
	if (!planned.ok) return sinceInjection(planned.error);
	const status = statusOf(planned.value.plan, options, settings);
	const { plan, containers } = planned.value;
	const from = { pod, parts, plan, containers, settings, earlierImage: earlierStatus.image, status };
	const changes = changesFor(from);
	if (changes.length === 0) return { kind: 'skip', reason: 'already-injected' };
	return {
		kind: 'inject',
		plan: planned.value.plan,
		warnings: [...planned.value.warnings, ...revertedChanges(changes)],
		patch: changes.flatMap(({ operations }) => operations),
		reconciled: changes.map(({ part }) => part),
	};
}
