import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { ok, type Result } from '../../contract/result.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import { writeEvent } from '../../lib/kubernetes/events.ts';
import type { ApiFailure } from '../../lib/kubernetes/failure.ts';
import type { Owner } from '../pod/owner-reference.ts';
import { type EventCause, eventFor } from './event.ts';
import { isIntermediate, targetFinder } from './target.ts';
import { type Allowance, tokenBuckets } from './token-bucket.ts';

/** Results of a notice. */
export const EVENT_RESULTS = ['written', 'limited', 'failed'] as const;

/** One of these. */
export type EventResult = (typeof EVENT_RESULTS)[number];

/** The pod of a notice, and its caller. */
export interface PodSubject {
	readonly namespace: string;
	/** The pod's controller in the review. Not verified. */
	readonly owner: Owner | undefined;
	readonly dryRun: boolean;
	/** Address of a caller without a client certificate; undefined: it was authenticated. */
	readonly caller: string | undefined;
}

/** Reports refusals and warnings as Events on workloads. */
export interface EventReporter {
	/** Queues a notice and returns at once. Never fails. */
	report(subject: PodSubject, cause: EventCause): void;
	/** Takes no more notices, and waits up to two seconds for the current one. */
	close(): Promise<void>;
}

/** Limits on Events and on questions to the API server. */
export interface EventLimits {
	/** For each owner of pods, and for each target. */
	readonly each: Allowance;
	/** For all targets together. */
	readonly all: Allowance;
	/** Questions to the API server about owners, for each unauthenticated caller. */
	readonly questions: Allowance;
	/** The same for all such callers. */
	readonly allQuestions: Allowance;
	/** Maximum number of queued notices. */
	readonly queued: number;
}

/**
 * A controller that retries for ever gets two Events, then one every five minutes; all together one a second.
 */
const LIMITS: EventLimits = {
	each: { burst: 2, refill: 300_000, keys: 2_000 },
	all: { burst: 25, refill: 1_000, keys: 1 },
	questions: { burst: 50, refill: 500, keys: 500 },
	allQuestions: { burst: 200, refill: 50, keys: 1 },
	queued: 100,
};
/** Milliseconds for the current notice when the process ends. */
const CLOSE_TIMEOUT = 2_000;
/** Maximum number of owners whose refusals are counted between two Events. */
const MAX_COUNTED = 2_000;

/** Maximum number of targets with a reported warning. A warning is reported once. */
const MAX_WARNED = 2_000;

interface QueuedNotice {
	readonly namespace: string;
	readonly owner: Owner;
	readonly cause: EventCause;
	/** Known, and within its limit; undefined: the API server must be asked first. */
	readonly target: Owner | undefined;
}

/**
 * Writes an Event on the Deployment or CronJob whose pod was refused, or injected with a warning. Kubernetes
 * itself reports that only on the ReplicaSet or Job in between, or not at all. Never for dry runs.
 *
 * Anybody can send a review that names an owner. So the API server is asked first whether the object exists
 * with that UID in that namespace, and who owns it. Only then the limit on Events is used. Questions have two
 * limits: one for each address, and one for all addresses together, which ten addresses can use up. What
 * exceeds a limit is counted and reported with the next Event.
 */
export function eventReporter(
	client: KubernetesClient,
	{ log, onResult }: { readonly log: Logger; readonly onResult: (result: EventResult) => void },
	limits: EventLimits = LIMITS,
): EventReporter {
	const targets = targetFinder(client);
	const [forOwner, forTarget, forAll] = [
		tokenBuckets(limits.each),
		tokenBuckets(limits.each),
		tokenBuckets(limits.all),
	];
	const [forCaller, forCallers] = [tokenBuckets(limits.questions), tokenBuckets(limits.allQuestions)];
	const unreported = new LRUCache<string, number>({ max: MAX_COUNTED });
	const warned = new LRUCache<string, true>({ max: MAX_WARNED });
	const queue: QueuedNotice[] = [];
	let working: Promise<void> | undefined;
	let closed = false;
	/** The logged problem since the last written Event. */
	let problem: string | undefined;

	/** Whether the API server may be asked about an unknown owner. */
	const mayAsk = (caller: string | undefined): boolean => {
		const time = performance.now();
		return caller === undefined || (forCaller(caller, time) && forCallers('', time));
	};
	/** Takes one token from the limits on Events for an existing target. */
	const mayWrite = (owner: Owner, target: Owner, cause: EventCause): boolean => {
		const time = performance.now();
		if (cause.event === 'PodWarning') {
			if (warned.has(target.uid)) return false;
			const may = forAll('', time);
			if (may) warned.set(target.uid, true);
			return may;
		}
		unreported.set(owner.uid, (unreported.get(owner.uid) ?? 0) + 1);
		return forOwner(owner.uid, time) && forAll('', time) && forTarget(target.uid, time);
	};
	/** The target to write to; undefined: there is none. */
	const targetOf = async (
		notice: QueuedNotice,
	): Promise<Result<Owner | 'limited' | undefined, ApiFailure>> => {
		if (notice.target !== undefined) return ok(notice.target);
		const { namespace, owner, cause } = notice;
		const found = await targets.find(namespace, owner);
		if (!found.ok || found.value === undefined) return found;
		return mayWrite(owner, found.value, cause) ? found : ok('limited');
	};
	const writeNotice = async (notice: QueuedNotice): Promise<Result<EventResult | undefined, ApiFailure>> => {
		const target = await targetOf(notice);
		if (!target.ok) return target;
		if (target.value === undefined || target.value === 'limited') return ok(target.value);
		const { namespace, owner, cause } = notice;
		const count = cause.event === 'PodWarning' ? 1 : (unreported.get(owner.uid) ?? 1);
		const written = await writeEvent(
			client,
			eventFor({ namespace, target: target.value, cause }, new Date(), count),
		);
		if (!written.ok) return written;
		unreported.delete(owner.uid);
		return ok('written');
	};
	const failed = ({ reason, message }: ApiFailure): void => {
		onResult('failed');
		// Compared by its kind: the sentence contains a namespace, so each namespace would cause a line.
		if (reason !== problem) log.warn({ problem: message }, 'an event could not be written');
		problem = reason;
	};
	const work = async (): Promise<void> => {
		for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
			const result = await writeNotice(next);
			if (!result.ok) failed(result.error);
			else if (result.value !== undefined) onResult(result.value);
			if (result.ok && result.value === 'written') problem = undefined;
		}
		working = undefined;
	};
	return {
		report: ({ namespace, owner, dryRun, caller }, cause) => {
			if (closed || dryRun || owner === undefined || !isIntermediate(owner)) return;
			const target = targets.remembered(namespace, owner);
			if (target === undefined) return;
			// Warnings come with every pod; most have been reported.
			if (target !== 'unknown' && cause.event === 'PodWarning' && warned.has(target.uid)) return;
			const may = target === 'unknown' ? mayAsk(caller) : mayWrite(owner, target, cause);
			if (!may || queue.length >= limits.queued) {
				onResult('limited');
				return;
			}
			queue.push({ namespace, owner, cause, target: target === 'unknown' ? undefined : target });
			working ??= work();
		},
		close: async () => {
			closed = true;
			queue.length = 0;
			const over = Promise.withResolvers<void>();
			const timer = setTimeout(over.resolve, CLOSE_TIMEOUT);
			await Promise.race([working, over.promise]);
			clearTimeout(timer);
		},
	};
}
