import { err, ok, type Result } from '../../contract/result.ts';
import { object } from '../../lib/json.ts';
import type { Operation } from '../patch/json-patch.ts';
import { summaryOf } from '../patch/reverted-changes.ts';
import { controllerOf, type Owner } from '../pod/owner-reference.ts';
import { BODY_BOUNDS, MAX_UNSCANNED_BODY } from './bounds.ts';
import type { Decision } from './decision.ts';
import { type Excess, prescan, type Range } from './json-prescan.ts';
import { excessOf } from './limits.ts';
import type { RejectReason } from './reasons.ts';

/** The request of an AdmissionReview (`admission.k8s.io/v1`), as far as a decision needs it. */
export interface AdmissionRequest {
	readonly uid: string;
	readonly operation: string;
	readonly kind: string;
	/** Empty for the resource itself. */
	readonly subResource: string;
	readonly namespace: string;
	/** The pod's name, or its `generateName`. Empty without either. */
	readonly name: string;
	readonly dryRun: boolean;
	/** The controller in the pod's owner references. Not verified. */
	readonly owner: Owner | undefined;
	/** Undefined with an `excess`: then the object was not parsed. */
	readonly object: unknown;
	/** The bound of parsing that the review exceeds, if any. */
	readonly excess: Excess | undefined;
}

/** The response of an AdmissionReview (`admission.k8s.io/v1`). */
interface AdmissionResponse {
	readonly uid: string;
	readonly allowed: boolean;
	readonly patchType?: 'JSONPatch';
	/** JSON Patch, base64. */
	readonly patch?: string;
	readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
	readonly warnings?: readonly string[];
	/** The API server puts the webhook's name before each key. */
	readonly auditAnnotations: Readonly<Record<string, string>>;
}

const VERSION = 'admission.k8s.io/v1';
/** Maximum length of a uid. The API server sends UUIDs; a longer one is not echoed. */
const UID_MAX = 128;
/** The longest name that Kubernetes allows. A longer one does not come from the API server; it is cut. */
const NAME_MAX = 253;

function string(value: unknown): string {
	return typeof value === 'string' ? value.slice(0, NAME_MAX) : '';
}

/** The part of a body that can be parsed, and the bound that it exceeds. */
interface Readable {
	readonly text: string;
	readonly excess: Excess | undefined;
}

/**
 * The part of a body that is parsed. A long body is parsed without its ignored members, or, if it exceeds the
 * bounds, without its long members.
 */
function readable(body: Buffer): Result<Readable> {
	if (body.length <= MAX_UNSCANNED_BODY) return ok({ text: textOf(body), excess: undefined });
	const { excess, ignored, long } = prescan(body, BODY_BOUNDS);
	const rest = without(body, excess === undefined ? ignored : long);
	if (excess !== undefined && rest.length > MAX_UNSCANNED_BODY) return err(`the body ${excessOf(excess)}`);
	return ok({ text: textOf(rest), excess });
}

function textOf(body: Buffer): string {
	const text = body.toString();
	return text.startsWith('\ufeff') ? text.slice(1) : text;
}

const NULL = Buffer.from('null');

/** The body with these ranges replaced by null. */
function without(body: Buffer, ranges: readonly Range[]): Buffer {
	if (ranges.length === 0) return body;
	const kept = ranges.flatMap(({ start }, i) => [body.subarray(ranges[i - 1]?.end ?? 0, start), NULL]);
	return Buffer.concat([...kept, body.subarray(ranges.at(-1)?.end)]);
}

/**
 * Decodes the body of a call. The error says what is wrong with the envelope, for people who send calls by
 * hand.
 */
export function decodeReview(body: Buffer): Result<AdmissionRequest> {
	const part = readable(body);
	if (!part.ok) return part;
	const { text, excess } = part.value;
	let parsed: unknown;
	try {
		parsed = JSON.parse(text);
	} catch {
		// The parser's message quotes the body, which may contain anything.
		return err('the body is not JSON');
	}
	const review = object(parsed);
	if (review?.['kind'] !== 'AdmissionReview' || review['apiVersion'] !== VERSION)
		return err(`the body is not an AdmissionReview of ${VERSION}`);
	const request = object(review['request']);
	if (request === undefined) return err('the AdmissionReview has no request');
	const uid = string(request['uid']);
	if (uid === '' || uid.length > UID_MAX)
		return err(`request.uid must be a string of 1 to ${UID_MAX} characters`);
	const metadata = object(object(request['object'])?.['metadata']);
	return ok({
		uid,
		operation: string(request['operation']),
		kind: string(object(request['kind'])?.['kind']),
		subResource: string(request['subResource']),
		namespace: string(request['namespace']),
		name: string(request['name']) || string(metadata?.['name']) || string(metadata?.['generateName']),
		dryRun: request['dryRun'] === true,
		owner: controllerOf(metadata),
		object: excess === undefined ? request['object'] : undefined,
		excess,
	});
}

/** Kubernetes' own admission answers 403 for a pod that a policy forbids. */
const FORBIDDEN = { code: 403, reason: 'Forbidden' } as const;
/** For a temporary problem. */
const UNAVAILABLE = { code: 503, reason: 'ServiceUnavailable' } as const;
const TEMPORARY: ReadonlySet<RejectReason> = new Set(['namespace-unknown', 'namespace-outdated']);

/** Encodes a decision as an AdmissionReview. */
export function encodeReview(uid: string, decision: Decision): string {
	return JSON.stringify({ apiVersion: VERSION, kind: 'AdmissionReview', response: response(uid, decision) });
}

function response(uid: string, decision: Decision): AdmissionResponse {
	switch (decision.kind) {
		case 'skip':
			return { uid, allowed: true, auditAnnotations: { decision: 'skip', reason: decision.reason } };
		case 'reject':
			return {
				uid,
				allowed: false,
				status: { ...(TEMPORARY.has(decision.reason) ? UNAVAILABLE : FORBIDDEN), message: decision.message },
				auditAnnotations: { decision: 'reject', reason: decision.reason },
			};
		case 'inject':
			return {
				uid,
				allowed: true,
				patchType: 'JSONPatch',
				patch: encodePatch(decision.patch),
				...(decision.warnings.length === 0 ? {} : { warnings: decision.warnings }),
				auditAnnotations: {
					decision: 'inject',
					role: decision.plan.fetchSpec.role,
					tiers: decision.plan.fetchSpec.tiers.join(','),
					fetchers: decision.plan.fetchers.map((fetcher) => fetcher.container).join(','),
					...(decision.reconciled.length === 0 ? {} : { reconciled: summaryOf(decision.reconciled) }),
				},
			};
		default:
			return decision satisfies never;
	}
}

function encodePatch(patch: readonly Operation[]): string {
	return Buffer.from(JSON.stringify(patch)).toString('base64');
}
