import type { Logger } from 'pino';
import { ok, type Result } from '../../contract/result.ts';
import type { Rejection } from '../decision.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { ApiFailure } from '../kubernetes/failure.ts';
import type { Owner } from '../owner.ts';
import type { AdmissionRequest } from '../review.ts';
import { type Allowance, buckets } from './buckets.ts';
import { eventFor } from './event.ts';
import { Recent } from './recent.ts';
import { isBetween, targetFinder } from './target.ts';
import { writeEvent } from './write.ts';

/** What can become of a refusal that might be told of. */
export const EVENT_RESULTS = ['written', 'limited', 'failed'] as const;

/** One of these. */
export type EventResult = (typeof EVENT_RESULTS)[number];

/** Tells of refused pods where people look for them. */
export interface EventReporter {
	/** Takes note of a refusal and returns at once. Nothing that happens after that is heard of here. */
	refused(request: AdmissionRequest, rejection: Rejection): void;
	/** Takes nothing more, and gives what is being told two seconds. */
	close(): Promise<void>;
}

/** How much may be told. */
export interface EventLimits {
	/** To look at for one owner of pods, and to tell of one target. */
	readonly each: Allowance;
	/** For all together. */
	readonly all: Allowance;
	/** Refusals that wait to be told. */
	readonly waiting: number;
}

/** A controller that tries for ever says it twice, then every five minutes; all together, one a second. */
const LIMITS: EventLimits = {
	each: { burst: 2, refill: 300_000, keys: 2_000 },
	all: { burst: 25, refill: 1_000, keys: 1 },
	waiting: 100,
};
/** Milliseconds that are left for what is being told when the process ends. */
const LAST_WORDS = 2_000;
/** Owners whose refusals since they were last told of are counted. */
const COUNTED = 2_000;

interface Waiting {
	readonly namespace: string;
	readonly owner: Owner;
	readonly rejection: Rejection;
}

/**
 * Writes an Event on the Deployment or CronJob whose pod was refused, for it is the ReplicaSet or Job in between that Kubernetes tells of it. Never for dry runs.
 * What is beyond the limits is counted, and told with the next one.
 */
export function eventReporter(
	client: KubernetesClient,
	{ log, told }: { readonly log: Logger; readonly told: (result: EventResult) => void },
	limits: EventLimits = LIMITS,
): EventReporter {
	const findTarget = targetFinder(client);
	const [forOwner, forTarget, forAll] = [buckets(limits.each), buckets(limits.each), buckets(limits.all)];
	const untold = new Recent<number>(COUNTED);
	const queue: Waiting[] = [];
	let working: Promise<void> | undefined;
	let closed = false;
	/** What is wrong since an event was last written, and has been logged. */
	let problem: string | undefined;

	const tell = async (waiting: Waiting): Promise<Result<EventResult | undefined, ApiFailure>> => {
		const { namespace, owner, rejection } = waiting;
		const target = await findTarget(namespace, owner);
		if (!target.ok || target.value === undefined) return target.ok ? ok(undefined) : target;
		if (!forTarget(target.value.uid, performance.now())) return ok('limited');
		const notice = { namespace, target: target.value, reason: rejection.reason, message: rejection.message };
		const count = untold.get(owner.uid) ?? 1;
		const written = await writeEvent(client, eventFor(notice, new Date(), count));
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
		refused: ({ namespace, owner, dryRun }, rejection) => {
			if (closed || dryRun || owner === undefined || !isBetween(owner)) return;
			untold.set(owner.uid, (untold.get(owner.uid) ?? 0) + 1);
			const now = performance.now();
			if (queue.length >= limits.waiting || !forOwner(owner.uid, now) || !forAll('', now)) {
				told('limited');
				return;
			}
			queue.push({ namespace, owner, rejection });
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
