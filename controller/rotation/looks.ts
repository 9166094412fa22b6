import pLimit from 'p-limit';
import type { Logger } from 'pino';
import { RequestFailure } from '../../lib/vault/request-failure.ts';
import { decide, type RotationDecision } from './decide.ts';
import type { Schedule } from './schedule.ts';
import type { RotationVault } from './vault.ts';

/** Looks at the index of passwords that rotate. What they find goes into the schedule. */
export interface Looks {
	/** Reads the index and what is to be read of it. The log says when that fails, and when it works again. */
	look(): Promise<void>;
	/** Reads one entry and its secret, and decides. Rejects with a `RequestFailure`. */
	read(name: string): Promise<RotationDecision>;
	/** Seconds since the last look that could read everything. */
	age(): number;
}

/** What the looks run on. */
export interface LookParts {
	readonly vault: Pick<RotationVault, 'entries' | 'entry' | 'metadata'>;
	readonly schedule: Schedule;
	readonly log: Pick<Logger, 'info' | 'warn'>;
	/** Ends a look early. */
	readonly signal: AbortSignal;
}

/** Requests for metadata at the same time. */
const PARALLEL = 4;

/** Opens the looks. */
export function openLooks({ vault, schedule, log, signal }: LookParts): Looks {
	const limit = pLimit(PARALLEL);
	let lastGood = performance.now();
	let problem: string | undefined;

	const read = async (name: string): Promise<RotationDecision> => {
		const secret = schedule.secretOf(name) ?? (await vault.entry(name));
		const found = secret && (await vault.metadata(secret));
		const decision: RotationDecision =
			secret && found ? decide(secret.key, found.metadata, found.now) : { kind: 'none' };
		schedule.read(name, secret, decision);
		return decision;
	};
	/** Reads an entry unless the looks are ending. Returns the problem. */
	const tryRead = async (name: string): Promise<string | undefined> => {
		if (signal.aborted) return undefined;
		try {
			await read(name);
			return undefined;
		} catch (thrown) {
			return problemOf(thrown);
		}
	};
	/** Returns the first problem. */
	const readAll = async (): Promise<string | undefined> => {
		try {
			const { names, now } = await vault.entries();
			schedule.keepOnly(names);
			const outcomes = await Promise.all(schedule.toRead(now).map((name) => limit(tryRead, name)));
			return outcomes.find((one) => one !== undefined);
		} catch (thrown) {
			return problemOf(thrown);
		}
	};
	return {
		read,
		look: async () => {
			const found = await readAll();
			if (found === undefined) {
				lastGood = performance.now();
				if (problem !== undefined) log.info('rotations can be looked up again');
			} else if (found !== problem) log.warn({ problem: found }, 'rotations cannot be looked up');
			problem = found;
		},
		age: () => (performance.now() - lastGood) / 1000,
	};
}

/** What failed, for the log: a request to Vault, or anything else, which is a defect. */
export function problemOf(thrown: unknown): string {
	return thrown instanceof RequestFailure ? thrown.message : `a defect: ${String(thrown)}`;
}
