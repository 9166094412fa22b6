import { ok, type Result } from '../../contract/result.ts';
import { mapAtMost } from '../concurrency.ts';
import type { AttemptContext } from '../deployments/attempt.ts';
import { type Problem, refuse } from '../problem.ts';
import { identityOf, isOldStamp, withOwnMetadata } from '../secrets/identity.ts';
import { checkOverwrites } from '../secrets/overwrites.ts';
import { idOf, pathOf, type SecretRef } from '../secrets/secret-location.ts';
import { newStamp } from '../secrets/secrets.ts';
import { checkNoRemoval } from '../secrets/tombstones.ts';
import type { Head, Store } from '../store/store.ts';
import type { TypedValues } from '../types/type-rules.ts';
import {
	type JournaledPath,
	journalId,
	removeTypedJournal,
	type TypedJournal,
	writeTypedJournal,
} from './journal.ts';
import type { TypedChange } from './metadata.ts';
import { incompleteOf, membershipOf, refsOf, type TypedSecret, titleOf } from './typed-secret.ts';
import { recoverTyped, undoTyped } from './undo.ts';
import { writeNewKey } from './write.ts';

/** Maximum number of concurrent requests to the store. */
const AT_ONCE = 4;

/** A typed secret to create. */
export interface NewTypedSecret {
	readonly secret: TypedSecret;
	readonly values: TypedValues;
	readonly description: string;
	/** See `requestHash`. */
	readonly request: string;
	/** Maximum number of versions that each key may get per hour. */
	readonly overwritesPerHour: number;
	readonly extra?: Readonly<Record<string, string | null>>;
	/** True when the location is still the authorized one; if not, the creation is undone. */
	readonly isStillOwned: () => Promise<Result<void, Problem>>;
}

/** A key that was created. */
export interface CreatedKey {
	readonly ref: SecretRef;
	readonly part: string;
	readonly id: string;
	/** When the first certificate of the typed secret ends, in RFC 3339. */
	readonly expiresAt: string | undefined;
}

interface FoundKey {
	readonly part: string;
	readonly ref: SecretRef;
	readonly head: Head | undefined;
}

/**
 * Creates all keys of a typed secret, or none. A journal comes first, so that another process can undo what
 * this one leaves behind. Its removal is the last step.
 *
 * A repeated request with the same idempotency key, after a lost answer, returns what the first one created.
 */
export async function createTyped(
	store: Store,
	input: NewTypedSecret,
	context: AttemptContext,
): Promise<Result<readonly CreatedKey[], Problem>> {
	const { secret, values, request } = input;
	const { attempt, step } = context;
	const id = journalId(secret);
	if (!(await recoverTyped(store, id, attempt.now, () => step))) return refuseRunning(secret);
	const possible = await mapAtMost(
		AT_ONCE,
		refsOf(secret, () => true),
		async (key) => ({ ...key, head: await store.head(pathOf(key.ref)) }),
	);
	const keys = possible.filter(({ part }) => part in values.parts);
	const existing = possible.filter(
		(key) => key.head?.live === true && (key.part in values.parts || isMemberOf(secret, key)),
	);
	if (existing.length > 0) return repeated(keys, request) ?? refuseExisting(existing);
	for (const { head } of keys) {
		const limited =
			head === undefined ? ok(undefined) : checkOverwrites(head, input.overwritesPerHour, context.at);
		if (!limited.ok) return limited;
		const kept = head === undefined ? ok(undefined) : checkNoRemoval(head, context.at);
		if (!kept.ok) return kept;
	}
	const journal = newJournal(keys, input, context);
	if (!(await writeTypedJournal(store, id, journal, 0))) return refuseRunning(secret);
	const undo = async (): Promise<void> => {
		const undone = undoTyped(store, id, attempt.id, { by: attempt.id, now: attempt.now, step });
		// If the store fails, the journal stays, and a later sweep undoes the creation.
		await undone.catch(() => undefined);
	};
	try {
		const created = await writeKeys(store, keys, input, context);
		if (!created.ok) {
			await undo();
			return created;
		}
		attempt.check();
		await removeTypedJournal(store, id);
		return created;
	} catch (thrown) {
		await undo();
		throw thrown;
	}
}

/** True for a key of the same type and name, such as an optional one that the new secret does not have. */
function isMemberOf({ type, name }: TypedSecret, { ref, head }: FoundKey): boolean {
	const membership = head && membershipOf(ref.key, withOwnMetadata(head));
	return membership?.type === type && membership.name === name;
}

function newJournal(
	keys: readonly FoundKey[],
	{ request }: NewTypedSecret,
	{ attempt, requestId, at }: AttemptContext,
): TypedJournal {
	const paths: readonly JournaledPath[] = keys.map(({ ref, head }) => ({
		path: pathOf(ref),
		version: (head?.version ?? 0) + 1,
		before: oldStampOf(head),
	}));
	const startedAt = at.toISOString();
	return { kind: 'create', attempt: attempt.id, requestId, startedAt, request, paths: [...paths] };
}

/** The stamp in the metadata until the new key is described. Stamps of earlier releases are removed first. */
function oldStampOf(head: Head | undefined): string {
	const stamp = head?.metadata['stamp'];
	return stamp === undefined || isOldStamp(stamp) ? '' : stamp;
}

async function writeKeys(
	store: Store,
	keys: readonly FoundKey[],
	input: NewTypedSecret,
	context: AttemptContext,
): Promise<Result<readonly CreatedKey[], Problem>> {
	const { secret, values, request, description, extra } = input;
	const { attempt } = context;
	const change: TypedChange = { secret, values, stamp: newStamp(), count: keys.length, request };
	const creation = {
		change,
		description,
		attempt: attempt.id,
		auditStamp: context,
		check: attempt.check,
		...(extra === undefined ? {} : { extra }),
	};
	const written = await mapAtMost(AT_ONCE, keys, async ({ ref, part, head }) => {
		const key = { ref, part, value: values.parts[part] ?? '', head };
		return { ref, part, id: await writeNewKey(store, key, creation) };
	});
	const conflicts = written.filter(({ id }) => id === undefined);
	if (conflicts.length > 0) return refuseExisting(conflicts);
	const still = await input.isStillOwned();
	if (!still.ok) return still;
	const expiresAt = values.expiresAt?.toISOString();
	return ok(written.map(({ ref, part, id = '' }) => ({ ref, part, id, expiresAt })));
}

/** What a previous call with the same idempotency key created; undefined if it did not, or not all of it. */
function repeated(
	keys: readonly FoundKey[],
	request: string,
): Result<readonly CreatedKey[], never> | undefined {
	if (request === '') return undefined;
	const members = keys.flatMap(({ ref, part, head }) => {
		const membership = head?.live === true ? membershipOf(ref.key, withOwnMetadata(head)) : undefined;
		return head === undefined || membership === undefined ? [] : [{ ref, part, head, membership }];
	});
	const same = members.every(({ head }) => head.metadata['request'] === request);
	if (members.length !== keys.length || !same || incompleteOf(members) !== undefined) return undefined;
	return ok(
		members.map(({ ref, part, head }) => ({
			ref,
			part,
			id: idOf(ref, identityOf(head).stamp),
			expiresAt: head.metadata['expires_at'],
		})),
	);
}

function refuseExisting(keys: readonly { readonly ref: SecretRef }[]): Result<never, Problem> {
	const names = keys.map(({ ref }) => ref.key).join(', ');
	return refuse(
		409,
		keys.length === 1
			? `the key ${names} exists at this scope already, so nothing was created`
			: `the keys ${names} exist at this scope already, so nothing was created`,
	);
}

/** The refusal of a creation or change while another one of the same typed secret runs. */
export function refuseRunning(secret: TypedSecret): Result<never, Problem> {
	return refuse(
		409,
		`another call creates or changes ${titleOf(secret)}, or was interrupted; try again in two minutes, or repeat that call with its Idempotency-Key`,
	);
}
