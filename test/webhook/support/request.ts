import type { V1Pod } from '@kubernetes/client-node';
import jsonpatch from 'fast-json-patch';
import type { Decision } from '../../../webhook/admission/decision.ts';
import { type AdmissionRequest, decodeReview } from '../../../webhook/admission/review.ts';

/** What a test may say of a request besides its pod. */
export interface RequestOverrides {
	readonly uid?: string;
	readonly operation?: string;
	readonly namespace?: string;
	readonly kind?: string;
	readonly subResource?: string;
	readonly dryRun?: boolean;
}

/** An AdmissionReview as the API server sends it for the creation of a pod. */
export function review(object: unknown, overrides: RequestOverrides = {}): object {
	const {
		uid = '705ab4f5-6393-11e8-b7cc-42010a800002',
		operation = 'CREATE',
		namespace = 'shop',
		kind = 'Pod',
		subResource,
		dryRun = false,
	} = overrides;
	return {
		kind: 'AdmissionReview',
		apiVersion: 'admission.k8s.io/v1',
		request: {
			uid,
			kind: { group: '', version: 'v1', kind },
			resource: { group: '', version: 'v1', resource: `${kind.toLowerCase()}s` },
			...(subResource === undefined ? {} : { subResource }),
			requestKind: { group: '', version: 'v1', kind },
			requestResource: { group: '', version: 'v1', resource: `${kind.toLowerCase()}s` },
			namespace,
			operation,
			userInfo: { username: 'jane@example.com', groups: ['system:authenticated'] },
			object,
			oldObject: null,
			dryRun,
			options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
		},
	};
}

/** The request for `pod` as the webhook decodes it from the wire. */
export function request(pod: unknown, overrides: RequestOverrides = {}): AdmissionRequest {
	const decoded = decodeReview(Buffer.from(JSON.stringify(review(pod, overrides))));
	if (!decoded.ok) throw new Error(decoded.error);
	return decoded.value;
}

/**
 * The pod after a decision's patch, with each operation validated (RFC 6902). Does not change the given pod.
 */
export function applied(pod: unknown, decision: Decision): V1Pod {
	if (decision.kind !== 'inject') throw new Error(`not injected: ${JSON.stringify(decision)}`);
	return patched(pod, JSON.parse(JSON.stringify(decision.patch)));
}

/** The pod after `patch`, as above. */
export function patched(pod: unknown, patch: readonly jsonpatch.Operation[]): V1Pod {
	return jsonpatch.applyPatch(structuredClone(pod) as V1Pod, patch, true, true).newDocument;
}
