import { INJECTED } from '../../contract/names.ts';
import { quoted } from '../admission/redact.ts';
import type { PodChange } from './reconcile.ts';

/** Characters of a list of changes, for a warning (the API server cuts long ones) or an audit annotation. */
const MAX_LENGTH = 200;

/** What was changed, in one bounded text. */
export function summaryOf(changes: readonly string[]): string {
	const all = changes.join('; ');
	return all.length > MAX_LENGTH ? `${all.slice(0, MAX_LENGTH)}…` : all;
}

/** Tells whoever creates the pod what somebody else has put into our containers and lost again. */
export function revertedChanges(changes: readonly PodChange[]): readonly string[] {
	const foreign = changes.filter((change) => change.foreign).map(({ part }) => part);
	if (foreign.length === 0) return [];
	return [
		`Envtier removed what another webhook added to its parts (${summaryOf(foreign)}): exclude from that webhook containers whose names begin with ${quoted(INJECTED.container)} or ${quoted(INJECTED.sidecar)}`,
	];
}
