import { ok, type Result } from '../../contract/result.ts';
import { VALUE_FIELD } from '../../contract/tiers.ts';
import type { RecordStep } from '../../lib/audit/steps.ts';
import { type Problem, type ProblemOfChange, refuse } from '../problem.ts';
import type { Store } from '../store/store.ts';
import { forEachKey, wholeSecretOf } from '../typed/whole.ts';
import { describeSecret, metadataPatch } from './change-secret.ts';
import type { PlannedChange } from './check-changes.ts';
import { stampOfVersion } from './identity.ts';
import type { AuditStamp } from './metadata.ts';
import { folderOf, pathOf } from './secret-location.ts';
import { createSecret, type WriteRules } from './secrets.ts';
import { deleteSecret, undeleteSecret } from './versions.ts';

/** What the writes of changes need. */
export interface ChangeContext extends AuditStamp {
	readonly store: Store;
	readonly rules: WriteRules;
	readonly step: RecordStep;
	/** Changes the value of a typed secret of one key. */
	readonly updateTyped: (planned: PlannedChange) => Promise<Result<void, Problem> | undefined>;
}

/** What came of the writes. */
export interface WriteOutcome {
	/** Empty: everything is saved. */
	readonly problems: readonly ProblemOfChange[];
	/** True when changes were saved although others failed: they are values, which nobody here can take back. */
	readonly partly: boolean;
}

/** Writes that can be taken back come first, so that a failure before the first new value leaves nothing. */
const ORDER = ['create', 'delete', 'update', 'describe'] as const;

/**
 * Writes changes that `checkChanges` has passed. If one fails before the first new value of an existing
 * secret is written, everything is taken back. After that nothing can be: the API cannot read the old
 * value. Then the other changes are written nevertheless, and the outcome says which are not.
 */
export async function writeChanges(
	context: ChangeContext,
	planned: readonly PlannedChange[],
): Promise<WriteOutcome> {
	const sorted = ORDER.flatMap((kind) => planned.filter(({ change }) => change.change === kind));
	const done: PlannedChange[] = [];
	const problems: ProblemOfChange[] = [];
	let isFinal = false;
	for (const one of sorted) {
		const written = await writeAudited(context, one);
		if (written.ok) {
			done.push(one);
			isFinal ||= one.change.change === 'update';
			continue;
		}
		const { status, message } = written.error;
		problems.push({ index: one.index, conflict: status === 409 || status === 404, message });
		if (isFinal) continue;
		for (const undone of done.toReversed()) await undo(context, undone);
		return { problems, partly: false };
	}
	return { problems, partly: problems.length > 0 && done.length > 0 };
}

function writeAudited(context: ChangeContext, one: PlannedChange): Promise<Result<void, Problem>> {
	const { location, key } = one.ref;
	const whose = location.kind === 'org' ? 'org.secrets' : 'secrets';
	return context.step(
		`${whose}.${one.change.change}`,
		{ scope: folderOf(location), key },
		() => write(context, one),
		(result) => (result.ok ? 200 : result.error.status),
	);
}

async function write(context: ChangeContext, one: PlannedChange): Promise<Result<void, Problem>> {
	const { store, rules, subject, at } = context;
	const { change, ref } = one;
	const stamp = { subject, at };
	switch (change.change) {
		case 'create': {
			const { value, description = '', tags = [] } = change;
			const created = await createSecret(store, ref, { value, description, tags }, stamp, rules);
			return created.ok ? ok(undefined) : created;
		}
		case 'delete': {
			const keys = await wholeSecretOf(store, ref);
			if (!keys.ok) return keys;
			return await forEachKey(keys.value.toReversed(), (key) => deleteSecret(store, key, stamp));
		}
		case 'describe':
			return await describeSecret(store, ref, change, stamp);
		case 'update': {
			const typed = await context.updateTyped(one);
			if (typed !== undefined) return typed;
			const outcome = await store.update(pathOf(ref), { [VALUE_FIELD]: change.value }, change.version);
			if (outcome !== 'written')
				return refuse(409, `somebody else has changed ${ref.key} in the same moment`);
			await store.describe(pathOf(ref), metadataPatch(change, stamp));
			return ok(undefined);
		}
		default:
			return change satisfies never;
	}
}

/** Takes a creation or a deletion back. */
async function undo({ store, subject, at }: ChangeContext, { change, ref }: PlannedChange): Promise<void> {
	if (change.change === 'delete') {
		const keys = await wholeSecretOf(store, ref);
		if (keys.ok) await forEachKey(keys.value, (key) => undeleteSecret(store, key, { subject, at }));
		return;
	}
	const path = pathOf(ref);
	const head = await store.head(path);
	const first = head?.versions.at(-1);
	if (head === undefined || first === undefined || head.metadata['stamp'] !== stampOfVersion(first)) return;
	// The versions of a deleted predecessor stay.
	if (head.version === 1) await store.remove(path);
	else await store.deleteVersion(path, head.version);
}
