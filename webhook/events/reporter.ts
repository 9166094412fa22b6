import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { ok, type Result } from '../../contract/result.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import type { ApiFailure } from '../../lib/kubernetes/failure.ts';
import type { Owner } from '../pod/owner-reference.ts';
import { type EventCause, eventFor } from './event.ts';
import { isIntermediate, targetFinder } from './target.ts';
import { type Allowance, tokenBuckets } from './token-bucket.ts';
import { writeEvent } from './write.ts';

/** What can become of something that might be told. */
export const EVENT_RESULTS = ['written', 'limited', 'failed'] as const;

/** One of these. */
export type EventResult = (typeof EVENT_RESULTS)[number];

/** Whose pod it is, and who says so. */
export interface PodSubject {
	readonly namespace: string;
	/** The pod's controller, as the review has it: nobody has checked it yet. */
	readonly owner: Owner | undefined;
	readonly dryRun: boolean;
	/** Address of a caller that has not proven who it is; undefined: it has shown its certificate. */
	readonly caller: string | undefined;
}

/** Tells of pods where people look for them. */
export interface EventReporter {
	/** Takes note of what happened and returns at once. It never fails. */
	report(subject: PodSubject, cause: EventCause): void;
	/** Takes nothing more, and gives what is being told two seconds. */
	close(): Promise<void>;
}

/** How much may be told. */
export interface EventLimits {
	/** To tell of one owner of pods, and of one target. */
	readonly each: Allowance;
	/** For all together. */
	readonly all: Allowance;
	/** Questions to the API server about owners, for one caller that has not proven who it is. */
	readonly questions: Allowance;
	/** The same for all such callers. */
	readonly allQuestions: Allowance;
	/** What waits to be told. */
	readonly notice: number;
}

/** A controller that tries for ever says it twice, then every five minutes; all together, one a second. */
const LIMITS: EventLimits = {
	each: { burst: 2, refill: 300_000, keys: 2_000 },
	all: { burst: 25, refill: 1_000, keys: 1 },
	questions: { burst: 50, refill: 500, keys: 500 },
	allQuestions: { burst: 200, refill: 50, keys: 1 },
	notice: 100,
};
/** Milliseconds that are left for what is being told when the process ends. */
const CLOSE_TIMEOUT = 2_000;
/** Owners whose refusals since they were last told of are counted. */
const MAX_COUNTED = 2_000;

/** Targets that were told of a warning: once is enough. */
const MAX_WARNED = 2_000;

interface QueuedNotice {
	readonly namespace: string;
	readonly owner: Owner;
	readonly cause: EventCause;
	/** Known, and taken from the allowance; undefined: the API server has to be asked first. */
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
	/** What is wrong since an event was last written, and has been logged. */
	let problem: string | undefined;

	/** Whether the API server may be asked about an owner that it was not asked about yet. */
	const mayAsk = (caller: string | undefined): boolean => {
		const time = performance.now();
		return caller === undefined || (forCaller(caller, time) && forCallers('', time));
	};
	/** Takes from the allowance for Events about a target that exists. */
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
	/** The target that may be told; undefined: there is none. */
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
		// By its kind: the sentence names a namespace, and every namespace would be a line of its own.
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
			// Warnings come with every pod: most were told of already.
			if (target !== 'unknown' && cause.event === 'PodWarning' && warned.has(target.uid)) return;
			const may = target === 'unknown' ? mayAsk(caller) : mayWrite(owner, target, cause);
			if (!may || queue.length >= limits.notice) {
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
