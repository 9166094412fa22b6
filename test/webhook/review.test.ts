import { describe, expect, test } from 'vitest';
import { decodeReview, encodeReview } from '../../webhook/admission/review.ts';
import { review } from './support/request.ts';

const POD = { metadata: { name: 'web' } };
const envelope = (request: unknown): string =>
	JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request });

describe('an envelope that cannot be answered', () => {
	const NO_REVIEW = 'the body is not an AdmissionReview of admission.k8s.io/v1';
	const NO_UID = 'request.uid must be a string of 1 to 128 characters';
	const NO_REQUEST = 'the AdmissionReview has no request';

	test.for<readonly [sentence: string, body: string, error: string]>([
		['nothing', '', 'the body is not JSON'],
		['no JSON', 'kind: AdmissionReview', 'the body is not JSON'],
		['JSON cut short', JSON.stringify(review(POD)).slice(0, -1), 'the body is not JSON'],
		['JSON twice', '{}{}', 'the body is not JSON'],
		['null', 'null', NO_REVIEW],
		['a number', '7', NO_REVIEW],
		['a list of reviews', JSON.stringify([review(POD)]), NO_REVIEW],
		['another kind', JSON.stringify({ ...review(POD), kind: 'Pod' }), NO_REVIEW],
		[
			'another version',
			JSON.stringify({ ...review(POD), apiVersion: 'admission.k8s.io/v1beta1' }),
			NO_REVIEW,
		],
		['no version', JSON.stringify({ ...review(POD), apiVersion: undefined }), NO_REVIEW],
		['no request', envelope(undefined), NO_REQUEST],
		['a null request', envelope(null), NO_REQUEST],
		['a list for a request', envelope([{ uid: 'a' }]), NO_REQUEST],
		['no uid', envelope({ object: POD }), NO_UID],
		['an empty uid', envelope({ uid: '' }), NO_UID],
		['a number for a uid', envelope({ uid: 7 }), NO_UID],
		['a uid of 129 characters', envelope({ uid: 'u'.repeat(129) }), NO_UID],
		[
			'a response without a request',
			JSON.stringify({ ...review(POD), request: undefined, response: {} }),
			NO_REQUEST,
		],
	])('%s', ([, body, error]) => expect(decodeReview(Buffer.from(body))).toEqual({ ok: false, error }));
});

describe('a request', () => {
	const decoded = (request: object) => {
		const result = decodeReview(Buffer.from(envelope({ uid: 'u', ...request })));
		return result.ok ? result.value : undefined;
	};

	test('without fields has no values', () => {
		expect(decoded({})).toEqual({
			uid: 'u',
			operation: '',
			kind: '',
			subResource: '',
			namespace: '',
			name: '',
			dryRun: false,
			object: undefined,
		});
	});

	test('with fields of wrong types is read as if they were not there', () => {
		const odd = { operation: 7, kind: 'Pod', subResource: {}, namespace: [], name: null, dryRun: 'true' };
		expect(decoded(odd)).toMatchObject({
			operation: '',
			kind: '',
			subResource: '',
			namespace: '',
			name: '',
			dryRun: false,
		});
	});

	test.for<readonly [string, object, string]>([
		['its name', { name: 'web', object: { metadata: { name: 'x', generateName: 'y' } } }, 'web'],
		['the pod’s name', { object: { metadata: { name: 'web', generateName: 'y' } } }, 'web'],
		['what the pod’s name is made of', { name: '', object: { metadata: { generateName: 'web-' } } }, 'web-'],
		['the first 253 characters of a longer name', { name: 'n'.repeat(254) }, 'n'.repeat(253)],
	])('is known by %s', ([, request, name]) => expect(decoded(request)?.name).toBe(name));
});

describe('an answer', () => {
	const answer = (decision: Parameters<typeof encodeReview>[1]): unknown =>
		JSON.parse(encodeReview('u-1', decision));

	test('to a pod that is left alone', () => {
		expect(answer({ kind: 'skip', reason: 'opted-out' })).toEqual({
			apiVersion: 'admission.k8s.io/v1',
			kind: 'AdmissionReview',
			response: { uid: 'u-1', allowed: true, auditAnnotations: { decision: 'skip', reason: 'opted-out' } },
		});
	});

	test('to a pod that is refused', () => {
		expect(answer({ kind: 'reject', reason: 'windows', message: 'no' })).toEqual({
			apiVersion: 'admission.k8s.io/v1',
			kind: 'AdmissionReview',
			response: {
				uid: 'u-1',
				allowed: false,
				status: { code: 403, reason: 'Forbidden', message: 'no' },
				auditAnnotations: { decision: 'reject', reason: 'windows' },
			},
		});
	});
});
