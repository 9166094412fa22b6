import { ok, type Result } from '../../contract/result.ts';
import { mapAtMost } from '../concurrency.ts';
import { type Problem, type ProblemOfChange, refuse } from '../problem.ts';
import type { Change } from '../schemas/changes.ts';
import type { Head, Store } from '../store/store.ts';
import { membershipOf, titleOf } from '../typed/typed-secret.ts';
import { onlyPartOf } from '../types/types.ts';
import { checkCodeKeys } from './code-keys.ts';
import { isSameSecret, metadataOf, withOwnMetadata } from './identity.ts';
import { checkOverwrites } from './overwrites.ts';
import { pathOf, type StampedSecretRef } from './secret-location.ts';

/** Maximum number of concurrent requests to the store, for one call. */
const AT_ONCE = 12;

/** A change, and the secret that it changes. */
export interface PlannedChange {
	/** The place of the change in the call. */
	readonly index: number;
	readonly change: Change;
	readonly ref: StampedSecretRef;
}

/** Limits of a check. */
export interface CheckRules {
	readonly overwritesPerHour: number;
	readonly now: Date;
}

/** Checks each change against what the store has now. Writes nothing. Sends one request for each change. */
export async function checkChanges(
	store: Store,
	planned: readonly PlannedChange[],
	rules: CheckRules,
): Promise<readonly ProblemOfChange[]> {
	const results = await mapAtMost(AT_ONCE, planned, async (one) => ({
		one,
		checked: checkChange(one, await store.head(pathOf(one.ref)), rules),
	}));
	return results.flatMap(({ one, checked }) =>
		checked.ok
			? []
			: [{ index: one.index, conflict: checked.error.status === 409, message: checked.error.message }],
	);
}

/** Decides about one change. Status 409 stands for a conflict with another caller. */
function checkChange(
	{ change, ref }: PlannedChange,
	head: Head | undefined,
	rules: CheckRules,
): Result<void, Problem> {
	if (change.change === 'create') return checkCreation(ref, change.force, head, rules);
	if (!isSameSecret(ref, head) || !head.live)
		return refuse(409, `${ref.key} is no longer there: somebody has deleted it`);
	if (change.change === 'describe') return ok(undefined);
	if (change.version !== head.version) return refuse(409, changedBy(ref.key, head));
	if (change.change === 'delete') return ok(undefined);
	const membership = membershipOf(ref.key, withOwnMetadata(head));
	if (membership !== undefined && onlyPartOf(membership.type) === undefined)
		return refuse(400, `${ref.key} belongs to ${titleOf(membership)}, which changes only as a whole`);
	return checkOverwrites(head, rules.overwritesPerHour, rules.now);
}

function checkCreation(
	{ key }: StampedSecretRef,
	force: boolean,
	head: Head | undefined,
	{ overwritesPerHour, now }: CheckRules,
): Result<void, Problem> {
	if (head?.live) return refuse(409, `${key} exists here by now: ${changedBy(key, head)}`);
	const code = checkCodeKeys([key], force);
	if (!code.ok) return code;
	return head === undefined ? ok(undefined) : checkOverwrites(head, overwritesPerHour, now);
}

function changedBy(key: string, head: Head): string {
	const metadata = metadataOf(head);
	const who = metadata['updated_by'] ?? metadata['created_by'] ?? 'somebody';
	return `${who} has written version ${head.version} of ${key} meanwhile`;
}
