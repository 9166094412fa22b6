import { quoted } from '../admission/redact.ts';
import type { Change } from './reconcile.ts';

/** Characters of a list of changes, for a warning (the API server cuts long ones) or an audit annotation. */
const LONGEST = 200;

/** What was changed, in one bounded text. */
export function summaryOf(changes: readonly string[]): string {
	const all = changes.join('; ');
	return all.length > LONGEST ? `${all.slice(0, LONGEST)}…` : all;
}

/** Tells whoever creates the pod what somebody else has put into our containers and lost again. */
export function revertedChanges(changes: readonly Change[]): readonly string[] {
	const foreign = changes.filter((change) => change.foreign).map(({ what }) => what);
	if (foreign.length === 0) return [];
	return [
		`Envtier took out what another webhook has put into its parts (${summaryOf(foreign)}): have that webhook leave out containers whose names begin with ${quoted('envtier-fetch')}`,
	];
}
