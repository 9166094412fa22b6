import { type Backoff, halfJitter } from '../../lib/backoff.ts';
import type { IndexedSecret } from '../../lib/kv/rotation-index.ts';
import type { RotationDecision } from './decide.ts';

/** What is known of an entry of the index. */
interface Known {
	/** Undefined: the entry names no secret that can rotate. */
	readonly secret: IndexedSecret | undefined;
	readonly rotates: boolean;
	/** When it is due by Vault's clock, in ms since 1970. */
	readonly due: number;
	/** When it is read again whatever is known, in ms of the monotonic clock. */
	readonly readAgain: number;
}

interface Waiting {
	readonly since: number;
	readonly failures: number;
	/** Not before this time of the monotonic clock, in ms. */
	readonly notBefore: number;
}

/** Which entries are read, and which secrets are rotated next. */
export interface Schedule {
	/** Forgets all other entries. */
	keepOnly(names: readonly string[]): void;
	/** The entries to read: new ones, those that are due, and each one at least once an hour. */
	toRead(vaultNow: number): readonly string[];
	/** The secret of an entry; undefined if it was not read yet, or names none. */
	secretOf(name: string): IndexedSecret | undefined;
	read(name: string, secret: IndexedSecret | undefined, decision: RotationDecision): void;
	/** The entry that is due for longest and may be tried now. */
	next(): string | undefined;
	/** Its secret was rotated, or somebody else wrote it: the next look reads it. */
	rotated(name: string): void;
	/** It is tried again later. */
	failed(name: string): void;
	due(): number;
	/** Secrets with a rotation. */
	rotating(): number;
}

/** Milliseconds after which an entry is read again although it is not due: its rotation may have changed. */
const RESYNC = 3_600_000;
const BACKOFF: Backoff = { first: 5_000, longest: 600_000 };

/**
 * Opens a schedule.
 *
 * @param clock a monotonic clock, in ms
 * @param random 0 to 1: spreads reads
 */
export function openSchedule(
	clock: () => number = () => performance.now(),
	random: () => number = Math.random,
): Schedule {
	const known = new Map<string, Known>();
	const waiting = new Map<string, Waiting>();
	return {
		keepOnly: (names) => {
			const all = new Set(names);
			for (const map of [known, waiting]) for (const name of map.keys()) if (!all.has(name)) map.delete(name);
			for (const name of names)
				if (!known.has(name))
					known.set(name, {
						secret: undefined,
						rotates: false,
						due: Number.POSITIVE_INFINITY,
						readAgain: Number.NEGATIVE_INFINITY,
					});
		},
		toRead: (vaultNow) =>
			[...known].flatMap(([name, { due, readAgain }]) =>
				waiting.has(name) || (due > vaultNow && readAgain > clock()) ? [] : [name],
			),
		secretOf: (name) => known.get(name)?.secret,
		read: (name, secret, decision) => {
			// Spread, so that entries that were read together are not read together again.
			const readAgain = clock() + RESYNC * (0.5 + random() / 2);
			const due = decision.kind === 'waits' ? decision.until : Number.POSITIVE_INFINITY;
			known.set(name, { secret, rotates: decision.kind !== 'none', due, readAgain });
			if (decision.kind !== 'due') waiting.delete(name);
			else if (!waiting.has(name))
				waiting.set(name, { since: decision.since, failures: 0, notBefore: Number.NEGATIVE_INFINITY });
		},
		next: () => {
			let oldest: { readonly name: string; readonly since: number } | undefined;
			for (const [name, { since, notBefore }] of waiting)
				if (notBefore <= clock() && since < (oldest?.since ?? Number.POSITIVE_INFINITY))
					oldest = { name, since };
			return oldest?.name;
		},
		rotated: (name) => {
			waiting.delete(name);
			const before = known.get(name);
			if (before !== undefined) known.set(name, { ...before, readAgain: Number.NEGATIVE_INFINITY });
		},
		failed: (name) => {
			const before = waiting.get(name);
			if (before === undefined) return;
			const failures = before.failures + 1;
			waiting.set(name, {
				...before,
				failures,
				notBefore: clock() + halfJitter(BACKOFF, failures, random()),
			});
		},
		due: () => waiting.size,
		rotating: () => [...known.values()].filter(({ rotates }) => rotates).length,
	};
}
