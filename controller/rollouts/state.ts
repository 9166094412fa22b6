import { object } from '../../lib/json.ts';

/** What the controller has recorded about a workload. */
export interface RolloutState {
	/** Hash of what decides which secrets the pods read. */
	readonly inputs: string;
	/** The revision that counts as known: a difference from it is a change. */
	readonly revision: string;
	/** The revision that the controller rolled last. */
	readonly rolled?: string | undefined;
	/** When it did, in ISO 8601. */
	readonly at?: string | undefined;
	/** The rolled revision that somebody has taken off the template. It is not written again. */
	readonly reverted?: string | undefined;
	/** The revision of a change that waits for its rollout. */
	readonly pending?: string | undefined;
	/** Why that rollout would start no pods; undefined: it waits for its turn. */
	readonly blocked?: string | undefined;
	/** The last request for a check that was handled (`rollout.envtier.dev/requested`). */
	readonly requested?: string | undefined;
}

/** Longest annotation that is read, in characters. */
const LONGEST = 2_000;
const REVISION = /^v[0-9]{1,4}:[0-9a-f]{32}$/;
const HASH = /^[0-9a-f]{32}$/;
const TIME = /^[-0-9TZ:.+]{1,40}$/;
const REASON = /^[ -~]{1,200}$/;

/** The annotation's text. */
export function stateText(state: RolloutState): string {
	return JSON.stringify(state);
}

/**
 * Reads the annotation. Undefined if there is none, or if it is not one that the controller has written: the
 * workload then counts as unknown.
 */
export function parseState(text: string | undefined): RolloutState | undefined {
	if (text === undefined || text.length > LONGEST) return undefined;
	let decoded: unknown;
	try {
		decoded = JSON.parse(text);
	} catch {
		return undefined;
	}
	const fields = object(decoded);
	const field = (name: string, pattern: RegExp): string | undefined => {
		const value = fields?.[name];
		return typeof value === 'string' && pattern.test(value) ? value : undefined;
	};
	const inputs = field('inputs', HASH);
	const revision = field('revision', REVISION);
	if (inputs === undefined || revision === undefined) return undefined;
	return {
		inputs,
		revision,
		rolled: field('rolled', REVISION),
		at: field('at', TIME),
		reverted: field('reverted', REVISION),
		pending: field('pending', REVISION),
		blocked: field('blocked', REASON),
		requested: field('requested', TIME),
	};
}
