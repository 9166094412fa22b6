import type { Request, Response } from 'express';
import type { Logger } from 'pino';
import { ok, type Result } from '../../contract/result.ts';
import { type AnswerLimits, limitAnswers } from '../../lib/http/answers.ts';
import { admit } from '../admission/admit.ts';
import type { Decision } from '../admission/decision.ts';
import { type AdmissionRequest, decodeReview, encodeReview } from '../admission/review.ts';
import type { Metrics } from '../metrics.ts';
import type { InjectionSettings } from '../settings.ts';
import { logDecision } from './decision-log.ts';
import { limitWaiting, type Wait, type WaitLimits } from './pending-reviews.ts';

/** What answering a review needs. */
export interface MutateParts {
	/**
	 * The settings for a pod in this namespace. Called for every review, because the state of the cluster
	 * changes.
	 */
	readonly settings: (namespace: string) => InjectionSettings;
	/** Resolves when the namespace is known, when the time limit is over, or when `signal` is aborted. */
	readonly namespaceKnown: (namespace: string, signal: AbortSignal) => Promise<void>;
	/** Hears of every decision once it is answered; takes no time and never fails. `address` is the caller's. */
	readonly onDecision: (request: AdmissionRequest, decision: Decision, address: string) => void;
	readonly log: Logger;
	readonly metrics: Metrics;
	/** Reviews that wait for news of their namespace at a time; 200 with 16 MiB unless given. */
	readonly maxWaiting?: WaitLimits | undefined;
	/** Answers that are not read yet; 32 MiB, 10 s each, unless given. */
	readonly maxUnsent?: AnswerLimits | undefined;
}

/** The API server sends a handful of reviews for a new namespace before the news of it arrives. */
const MAX_WAITING: WaitLimits = { reviews: 200, bytes: 16 * 1024 * 1024 };

/** The API server reads its answers at once, and gives a call 5 s in all. */
const MAX_UNSENT: AnswerLimits = { bytes: 32 * 1024 * 1024, time: 10_000 };

interface Serving extends MutateParts {
	readonly wait: Wait;
	readonly limitAnswer: ReturnType<typeof limitAnswers>;
}

/** Makes the handler of `POST /mutate`: it decodes the body, decides, and encodes the response. */
export function mutateHandler(
	parts: MutateParts,
): (request: Request, response: Response) => Promise<void> | undefined {
	const serving: Serving = {
		...parts,
		wait: limitWaiting(parts.maxWaiting ?? MAX_WAITING),
		limitAnswer: limitAnswers(parts.maxUnsent ?? MAX_UNSENT),
	};
	return (request, response) => mutate(serving, request, response);
}

/** Answers with a status and one line of text. */
export function refuse(response: Response, status: number, message: string): void {
	response.status(status).type('text').send(`${message}\n`);
}

function mutate(parts: Serving, request: Request, response: Response): Promise<void> | undefined {
	// What the body reader did not take, it leaves undefined.
	if (!Buffer.isBuffer(request.body)) {
		refuse(response, 415, 'the body must be an AdmissionReview with content type application/json, in UTF-8');
		return undefined;
	}
	const decided = decide(parts, request.body);
	if (decided.ok && isUnknown(decided.value.decision))
		return decideLater(parts, request.body, decided.value.review.namespace, response);
	finish(parts, response, decided);
	return undefined;
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
	response: Response,
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
	else refuse(response, 503, 'too many reviews wait for news of their namespaces: try again');
}

function finish(parts: Serving, response: Response, decided: Result<DecidedReview>): void {
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

/**
 * Writes headers and body at once. express would write twice, and each write is a TLS record and a system
 * call.
 */
function answer({ limitAnswer }: Serving, response: Response, text: string): void {
	const length = Buffer.byteLength(text);
	limitAnswer(response, length);
	response.writeHead(200, { 'content-type': 'application/json', 'content-length': length });
	response.end(text);
}
