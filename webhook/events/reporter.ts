import type { Logger } from 'pino';
import { ok, type Result } from '../../contract/result.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import type { ApiFailure } from '../../lib/kubernetes/failure.ts';
import type { Owner } from '../pod/owner-reference.ts';
import { eventFor, type Happening } from './event.ts';
import { LruMap } from './lru.ts';
import { isBetween, targetFinder } from './target.ts';
import { type Allowance, tokenBuckets } from './token-bucket.ts';
import { writeEvent } from './write.ts';

/** What can become of something that might be told. */
export const EVENT_RESULTS = ['written', 'limited', 'failed'] as const;

/** One of these. */
export type EventResult = (typeof EVENT_RESULTS)[number];

/** Whose pod it is, and who says so. */
export interface Subject {
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
	report(subject: Subject, happening: Happening): void;
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
	readonly waiting: number;
}

/** A controller that tries for ever says it twice, then every five minutes; all together, one a second. */
const LIMITS: EventLimits = {
	each: { burst: 2, refill: 300_000, keys: 2_000 },
	all: { burst: 25, refill: 1_000, keys: 1 },
	questions: { burst: 50, refill: 500, keys: 500 },
	allQuestions: { burst: 200, refill: 50, keys: 1 },
	waiting: 100,
};
/** Milliseconds that are left for what is being told when the process ends. */
const LAST_WORDS = 2_000;
/** Owners whose refusals since they were last told of are counted. */
const COUNTED = 2_000;

/** Targets that were told of a warning: once is enough. */
const WARNED = 2_000;

interface Waiting {
	readonly namespace: string;
	readonly owner: Owner;
	readonly happening: Happening;
	/** Known, and taken from the allowance; undefined: the API server has to be asked first. */
	readonly target: Owner | undefined;
}

/**
 * Writes an Event on the Deployment or CronJob whose pod was refused or injected with a warning: Kubernetes tells of it only on the ReplicaSet or Job in between, or not at all. Never for dry runs.
 *
 * Anybody can send a review that names an owner. So the API server is asked first whether an object of that name has that UID in that namespace, and whose it
 * is; only then anything is taken from the allowance for Events. The questions have two allowances of their own: one
 * for each address, and one for all addresses together, which ten addresses can use up. What is beyond the limits is counted, and told with the next one.
 */
export function eventReporter(
	client: KubernetesClient,
	{ log, told }: { readonly log: Logger; readonly told: (result: EventResult) => void },
	limits: EventLimits = LIMITS,
): EventReporter {
	const targets = targetFinder(client);
	const [forOwner, forTarget, forAll] = [
		tokenBuckets(limits.each),
		tokenBuckets(limits.each),
		tokenBuckets(limits.all),
	];
	const [forCaller, forCallers] = [tokenBuckets(limits.questions), tokenBuckets(limits.allQuestions)];
	const untold = new LruMap<number>(COUNTED);
	const warned = new LruMap<true>(WARNED);
	const queue: Waiting[] = [];
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
	const mayTell = (owner: Owner, target: Owner, happening: Happening): boolean => {
		const time = performance.now();
		if (happening.event === 'PodWarning') {
			if (warned.has(target.uid)) return false;
			const may = forAll('', time);
			if (may) warned.set(target.uid, true);
			return may;
		}
		untold.set(owner.uid, (untold.get(owner.uid) ?? 0) + 1);
		return forOwner(owner.uid, time) && forAll('', time) && forTarget(target.uid, time);
	};
	/** The target that may be told; undefined: there is none. */
	const targetOf = async (waiting: Waiting): Promise<Result<Owner | 'limited' | undefined, ApiFailure>> => {
		if (waiting.target !== undefined) return ok(waiting.target);
		const { namespace, owner, happening } = waiting;
		const found = await targets.find(namespace, owner);
		if (!found.ok || found.value === undefined) return found;
		return mayTell(owner, found.value, happening) ? found : ok('limited');
	};
	const tell = async (waiting: Waiting): Promise<Result<EventResult | undefined, ApiFailure>> => {
		const target = await targetOf(waiting);
		if (!target.ok) return target;
		if (target.value === undefined || target.value === 'limited') return ok(target.value);
		const { namespace, owner, happening } = waiting;
		const count = happening.event === 'PodWarning' ? 1 : (untold.get(owner.uid) ?? 1);
		const written = await writeEvent(
			client,
			eventFor({ namespace, target: target.value, happening }, new Date(), count),
		);
		if (!written.ok) return written;
		untold.delete(owner.uid);
		return ok('written');
	};
	const failed = ({ reason, message }: ApiFailure): void => {
		told('failed');
		// By its kind: the sentence names a namespace, and every namespace would be a line of its own.
		if (reason !== problem) log.warn({ problem: message }, 'an event could not be written');
		problem = reason;
	};
	const work = async (): Promise<void> => {
		for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
			const result = await tell(next);
			if (!result.ok) failed(result.error);
			else if (result.value !== undefined) told(result.value);
			if (result.ok && result.value === 'written') problem = undefined;
		}
		working = undefined;
	};
	return {
		report: ({ namespace, owner, dryRun, caller }, happening) => {
			if (closed || dryRun || owner === undefined || !isBetween(owner)) return;
			const target = targets.remembered(namespace, owner);
			if (target === undefined) return;
			// Warnings come with every pod: most were told of already.
			if (target !== 'unknown' && happening.event === 'PodWarning' && warned.has(target.uid)) return;
			const may = target === 'unknown' ? mayAsk(caller) : mayTell(owner, target, happening);
			if (!may || queue.length >= limits.waiting) {
				told('limited');
				return;
			}
			queue.push({ namespace, owner, happening, target: target === 'unknown' ? undefined : target });
			working ??= work();
		},
		close: async () => {
			closed = true;
			queue.length = 0;
			const over = Promise.withResolvers<void>();
			const timer = setTimeout(over.resolve, LAST_WORDS);
			await Promise.race([working, over.promise]);
			clearTimeout(timer);
		},
	};
}
