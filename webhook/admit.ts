import { ANNOTATION_PREFIX } from '../contract/names.ts';
import { STATUS_ANNOTATION } from './annotations.ts';
import { asked } from './asked.ts';
import { type Decision, type Rejection, reject } from './decision.ts';
import { tooManyPieces, tooMuchText, tooMuchToParse } from './limits.ts';
import { fetcherEnv } from './parts.ts';
import { patchFor } from './patch.ts';
import { planFor } from './plan.ts';
import { type PodFacts, podAnnotations, podFacts } from './pod.ts';
import { readingOf } from './reading.ts';
import type { AdmissionRequest } from './review.ts';
import type { InjectionSettings } from './settings.ts';
import { statusMismatch } from './status.ts';

/**
 * Decides what happens to the pod of an admission request. Pure: it does no I/O and never throws, whatever the pod looks like.
 * Only the creation of a pod is ever changed; an update, a subresource or another kind is left alone, for a pod's containers cannot change later.
 */
export function admit(request: AdmissionRequest, settings: InjectionSettings): Decision {
	if (request.operation !== 'CREATE' || request.kind !== 'Pod' || request.subResource !== '')
		return { kind: 'skip', reason: 'not-a-pod-creation' };
	if (request.excess !== undefined) return tooMuchToParse(request.excess);
	// A pod that asks for nothing is none of our business, however odd the rest of it may be.
	const annotations = podAnnotations(request.object);
	if (!annotations.ok) return malformed(annotations.error);
	if (!annotations.value?.size) return { kind: 'skip', reason: 'not-requested' };
	const large = tooManyPieces(request.object);
	if (large !== undefined) return large;
	const pod = podFacts(request.object, annotations.value);
	return pod.ok ? decide(pod.value, request.namespace, settings) : malformed(pod.error);
}

function malformed(error: string): Rejection {
	return reject('malformed-pod', `this is not a pod as the Kubernetes API has it: ${error}`);
}

function decide(pod: PodFacts, namespace: string, settings: InjectionSettings): Decision {
	const annotations = pod.annotations ?? new Map<string, string>();
	if (annotations.get(`${ANNOTATION_PREFIX}inject`) === 'false') return { kind: 'skip', reason: 'opted-out' };
	const read = asked(annotations);
	if (!read.ok) return read.error;
	const { deployment } = read.value;
	if (deployment === undefined)
		return reject(
			'deployment-missing',
			`the pod has annotations under ${ANNOTATION_PREFIX} but not ${ANNOTATION_PREFIX}deployment, which says whose secrets it gets: add it, or set ${ANNOTATION_PREFIX}inject to "false"`,
		);
	const reading = readingOf({ ...read.value, deployment }, pod.serviceAccount, namespace, settings);
	if (!reading.ok) return reading.error;
	const status = annotations.get(STATUS_ANNOTATION);
	// First, for what other webhooks have added since may be nothing that could be planned for.
	if (status !== undefined)
		return (
			statusMismatch(status, pod, read.value, reading.value, settings) ?? {
				kind: 'skip',
				reason: 'already-injected',
			}
		);
	const planned = planFor(pod, read.value, reading.value, settings);
	if (!planned.ok) return planned.error;
	const { plan } = planned.value;
	const long = tooMuchText(plan.fetchers.map(({ volumes }) => fetcherEnv(plan.reading, volumes, settings)));
	if (long !== undefined) return long;
	return { kind: 'inject', ...planned.value, patch: patchFor(pod, plan, settings) };
}
