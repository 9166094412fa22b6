import { randomUUID } from 'node:crypto';
import { type AuditFacts, type AuditNote, type AuditSink, resultOf } from '../../lib/audit/lines.ts';
import { type RecordStep, stepRecorder } from '../../lib/audit/steps.ts';
import type { Caller } from '../auth/caller.ts';
import type { Store } from '../store/store.ts';

/** The audit lines of one call: intent lines before its effect, result lines when it has ended. */
export interface AuditTrail {
	readonly requestId: string;
	/** The operation's id. */
	action: string;
	caller: Caller | undefined;
	/** Sets the locations of the call, one line each; replaces earlier ones. Not after `intend`. */
	note(...notes: readonly AuditNote[]): void;
	/** Writes the intent lines once. Call it before anything is changed or shown. */
	intend(): void;
	readonly step: RecordStep;
	/** Notes that a version was written at a path. The result line of that key says its number. */
	wrote(path: string, version: number): void;
	/** Writes the result lines. */
	end(status: number, finished: boolean): void;
}

/** Opens the trail of a call. */
export function createAuditTrail(
	sink: AuditSink,
	now: () => Date,
	{ requestId, ip }: Pick<AuditFacts, 'requestId' | 'ip'>,
): AuditTrail {
	/** Each location of the call is one event: its id joins its two lines. */
	const withIds = (all: readonly AuditNote[]) => all.map((note) => ({ ...note, eventId: randomUUID() }));
	let notes = withIds([{ scope: '' }]);
	let hasIntent = false;
	const facts = (): AuditFacts => ({
		actor: trail.caller?.subject ?? 'anonymous',
		via: trail.caller?.kind ?? 'none',
		requestId,
		ip,
		...(trail.caller?.org === undefined ? {} : { org: trail.caller.org }),
		...(trail.caller?.email === undefined ? {} : { email: trail.caller.email }),
	});
	const lines = () => {
		const common = { time: now().toISOString(), ...facts(), action: trail.action };
		return notes.map(({ key = '', ...note }) => ({ ...common, key, ...note }));
	};
	const written = new Map<string, number>();
	/** Adds the version that was written to the result line of its key. */
	const record: AuditSink = (line) => {
		const version = written.get(`${line.scope}/${line.key}`);
		sink(line.phase === 'result' && version !== undefined ? { ...line, version } : line);
	};
	const step = stepRecorder(record, now, facts);
	const trail: AuditTrail = {
		requestId,
		action: 'unknown',
		caller: undefined,
		note: (...newNotes) => {
			// A location that changes after the intent line would make that line wrong.
			if (hasIntent) throw new Error('the location of a call was named after its effect began');
			notes = withIds(newNotes.length === 0 ? [{ scope: '' }] : newNotes);
		},
		intend: () => {
			if (hasIntent) return;
			hasIntent = true;
			for (const line of lines()) sink({ phase: 'intent', ...line });
		},
		step: (...what) => {
			trail.intend();
			return step(...what);
		},
		wrote: (path, version) => void written.set(path, version),
		end: (status, finished) => {
			const result = resultOf(status, finished);
			for (const line of lines()) record({ phase: 'result', ...line, result, status });
		},
	};
	return trail;
}

/** The operations of a store that change something. */
const CHANGES = [
	'put',
	'putVersion',
	'update',
	'deleteVersion',
	'undeleteVersion',
	'destroyVersions',
	'describe',
	'remove',
] as const satisfies readonly (keyof Store)[];

/**
 * The same store. It calls `before` ahead of every operation that changes something, and waits for it. The
 * change does not happen if `before` rejects. It calls `wrote` after each version that was written.
 */
export function beforeChanges(
	store: Store,
	before: () => Promise<void>,
	wrote: (path: string, version: number) => void,
): Store {
	const watched = CHANGES.map((name) => [
		name,
		async (...args: never[]) => {
			await before();
			return await (store[name] as (...args: never[]) => unknown)(...args);
		},
	]);
	const changes = Object.fromEntries(watched) as Pick<Store, (typeof CHANGES)[number]>;
	return {
		...store,
		...changes,
		putVersion: async (path, fields, expected) => {
			const written = await changes.putVersion(path, fields, expected);
			if (written !== 'conflict') wrote(path, written.number);
			return written;
		},
		update: async (path, fields, expected) => {
			const outcome = await changes.update(path, fields, expected);
			if (outcome === 'written') wrote(path, expected + 1);
			return outcome;
		},
	};
}
