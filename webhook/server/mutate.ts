import type { RequestListener, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { ok, type Result } from '../../contract/result.ts';
import { type AnswerLimits, limitAnswers } from '../../lib/http/answers.ts';
import { admit } from '../admission/admit.ts';
import type { Decision } from '../admission/decision.ts';
import { type AdmissionRequest, decodeReview, encodeReview } from '../admission/review.ts';
import type { InjectionSettings } from '../settings.ts';
import { bodyReader } from './body.ts';
import { type CallParts, startCall } from './calls.ts';
import { logDecision } from './decision-log.ts';
import { limitWaiting, type Wait, type WaitLimits } from './pending-reviews.ts';
import { refuse, refuseDefect } from './refuse.ts';

/** What answering a review needs. */
export interface MutateParts extends CallParts {
	/**
	 * The settings for a pod in this namespace. Called for every review, because the state of the cluster
	 * changes.
	 */
	readonly settings: (namespace: string) => InjectionSettings;
	/** Resolves when the namespace is known, when the time limit is over, or when `signal` is aborted. */
	readonly namespaceKnown: (namespace: string, signal: AbortSignal) => Promise<void>;
	/** Called after every response. Must be fast and must not fail. `address` is the caller's. */
	readonly onDecision: (request: AdmissionRequest, decision: Decision, address: string) => void;
	readonly log: Logger;
	/** Bytes of all bodies that are being read; default 32 MiB. */
	readonly maxReading?: number | undefined;
	/** Reviews that wait for their namespace; default 200 with 16 MiB. */
	readonly maxWaiting?: WaitLimits | undefined;
	/** Responses that are not read yet; default 32 MiB, 10 s each. */
	readonly maxUnsent?: AnswerLimits | undefined;
}

/** The API server's bodies are a few KiB long, and read within a millisecond. */
const MAX_READING = 32 * 1024 * 1024;

/** The API server sends a few reviews for a new namespace before the watch delivers it. */
const MAX_WAITING: WaitLimits = { reviews: 200, bytes: 16 * 1024 * 1024 };

/** The API server reads responses at once, and gives a call 5 s. */
const MAX_UNSENT: AnswerLimits = { bytes: 32 * 1024 * 1024, time: 10_000 };

interface Serving extends MutateParts {
	readonly wait: Wait;
	readonly limitAnswer: ReturnType<typeof limitAnswers>;
}

/**
 * Makes the handler of `POST /mutate`: it reads the body, decodes it, decides, and encodes the response. It
 * uses no framework, because a router and a body parser cost as much as the decision (ADR 45).
 */
export function mutateHandler(parts: MutateParts): RequestListener {
	const readBody = bodyReader(parts.maxReading ?? MAX_READING);
	const serving: Serving = {
		...parts,
		wait: limitWaiting(parts.maxWaiting ?? MAX_WAITING),
		limitAnswer: limitAnswers(parts.maxUnsent ?? MAX_UNSENT),
	};
	return (request, response) => {
		if (!startCall(parts, request, response)) return;
		readBody(request, (body) => {
			try {
				if (body.ok) mutate(serving, body.value, response);
				else refuse(response, ...body.error);
			} catch (error) {
				refuseDefect(parts.log, error, response);
			}
		});
	};
}

function mutate(parts: Serving, body: Buffer, response: ServerResponse): void {
	const decided = decide(parts, body);
	if (decided.ok && isUnknown(decided.value.decision))
		decideLater(parts, body, decided.value.review.namespace, response).catch((error: unknown) =>
			refuseDefect(parts.log, error, response),
		);
	else finish(parts, response, decided);
}

/** A review and what happens to its pod. */
interface DecidedReview {
	readonly review: AdmissionRequest;
	readonly decision: Decision;
}

function decide({ settings }: MutateParts, body: Buffer): Result<DecidedReview> {
	const review = decodeReview(body);
	if (!review.ok) return review;
	return ok({ review: review.value, decision: admit(review.value, settings(review.value.namespace)) });
}

function isUnknown(decision: Decision): boolean {
	return decision.kind === 'reject' && decision.reason === 'namespace-unknown';
}

/**
 * Waits for a namespace that is not known yet. Pods are created right after their namespace, and the watch
 * may be some milliseconds late. Keeps the body only and decodes it again: the decoded review takes many
 * times the memory.
 */
async function decideLater(
	parts: Serving,
	body: Buffer,
	namespace: string,
	response: ServerResponse,
): Promise<void> {
	const gone = new AbortController();
	response.once('close', () => gone.abort());
	const waited = await parts.wait({
		length: body.length,
		gone: gone.signal,
		until: (signal) => parts.namespaceKnown(namespace, signal),
	});
	if (response.closed) return;
	if (waited) finish(parts, response, decide(parts, body));
	else refuse(response, 503, 'too many reviews wait for their namespaces: try again');
}

function finish(parts: Serving, response: ServerResponse, decided: Result<DecidedReview>): void {
	const { log, metrics } = parts;
	if (!decided.ok) {
		log.warn({ problem: decided.error }, 'call refused');
		refuse(response, 400, decided.error);
		return;
	}
	const { review, decision } = decided.value;
	metrics.recordDecision(decision);
	logDecision(log, review, decision);
	answer(parts, response, encodeReview(review.uid, decision));
	parts.onDecision(review, decision, response.req.socket.remoteAddress ?? '');
}

/** Writes headers and body at once: each write is a TLS record and a system call. */
function answer({ limitAnswer }: Serving, response: ServerResponse, text: string): void {
	const length = Buffer.byteLength(text);
	limitAnswer(response, length);
	response.writeHead(200, { 'content-type': 'application/json', 'content-length': length });
	response.end(text);
}
