import { ok, type Result } from '../../contract/result.ts';
import { VALUE_FIELD } from '../../contract/tiers.ts';
import { RequestFailure } from '../../lib/vault/request-failure.ts';
import { mapAtMost } from '../concurrency.ts';
import type { AttemptContext } from '../deployments/attempt.ts';
import { type Problem, refuse } from '../problem.ts';
import { withOwnMetadata } from '../secrets/identity.ts';
import { encodeTags } from '../secrets/metadata.ts';
import { checkOverwrites } from '../secrets/overwrites.ts';
import { pathOf } from '../secrets/secret-location.ts';
import { newStamp } from '../secrets/secrets.ts';
import { type Store, StoreFailure } from '../store/store.ts';
import type { CurrentSecret, TypedValues } from '../types/type-rules.ts';
import { refuseRunning } from './create.ts';
import { journalId, readTypedJournal, removeTypedJournal, writeTypedJournal } from './journal.ts';
import { authoritiesIn, type MetadataPatch, type TypedChange, typedMetadata } from './metadata.ts';
import {
	incompleteOf,
	type Member,
	membershipOf,
	refsOf,
	type TypedSecret,
	titleOf,
} from './typed-secret.ts';
import { recoverTyped } from './undo.ts';

/** Maximum number of concurrent requests to the store. */
const AT_ONCE = 5;

/** A typed secret and its live keys, in the order in which they are written. */
export interface FoundTyped {
	readonly secret: TypedSecret;
	readonly members: readonly Member[];
}

/** Reads the metadata of a typed secret's keys. */
export async function findTyped(store: Store, secret: TypedSecret): Promise<FoundTyped> {
	const heads = await mapAtMost(
		AT_ONCE,
		refsOf(secret, () => true),
		async ({ ref }) => ({
			ref,
			head: await store.head(pathOf(ref)),
		}),
	);
	const members = heads.flatMap(({ ref, head }) => {
		const membership = head?.live === true ? membershipOf(ref.key, withOwnMetadata(head)) : undefined;
		const isMember = membership?.type === secret.type && membership.name === secret.name;
		return head !== undefined && isMember ? [{ ref, head, membership }] : [];
	});
	return { secret, members };
}

/** What the rules of a type may know of a secret that is changed. */
export function currentOf({ members }: FoundTyped): CurrentSecret {
	return {
		parts: new Set(members.map(({ membership }) => membership.part)),
		authorities: members.flatMap(({ head }) => authoritiesIn(head.metadata)),
	};
}

/** A change of a typed secret. */
export interface TypedInput {
	readonly values: TypedValues;
	/** Undefined leaves the description as it is. */
	readonly description: string | undefined;
	readonly tags: readonly string[] | undefined;
	/** The metadata of a rotation; empty leaves it as it is. */
	readonly rotation: MetadataPatch;
	/** See `requestHash`. */
	readonly request: string;
	/** Maximum number of versions that each key may get per hour. */
	readonly overwritesPerHour: number;
}

/**
 * Changes all keys of a typed secret. The API cannot read values, so it cannot undo a change: everything is
 * checked first. If the change stops in between, the stamps of the keys tell it, and a repetition of the call
 * finishes it. A repetition with the same idempotency key after a finished change does nothing.
 */
export async function changeTyped(
	store: Store,
	found: FoundTyped,
	input: TypedInput,
	context: AttemptContext,
): Promise<Result<void, Problem>> {
	const { secret, members } = found;
	const { attempt, requestId, step } = context;
	const difference = differenceOf(found, input.values);
	if (difference !== undefined) return difference;
	const id = journalId(secret);
	const idle = await recoverTyped(store, id, attempt.now, () => step);
	const stored = idle ? undefined : await readTypedJournal(store, id);
	const isRetry = stored?.journal.kind === 'change' && isSame(stored.journal.request, input.request);
	if (stored !== undefined && !isRetry) return refuseRunning(secret);
	if (stored === undefined && isDone(members, input.request)) return ok(undefined);
	for (const { head } of members) {
		const limited = checkOverwrites(head, input.overwritesPerHour, context.at);
		if (!limited.ok) return limited;
	}
	const startedAt = context.at.toISOString();
	const journal = { kind: 'change' as const, attempt: attempt.id, requestId, startedAt };
	const opened = { ...journal, request: input.request, paths: [] };
	if (!(await writeTypedJournal(store, id, opened, stored?.version ?? 0))) return refuseRunning(secret);
	try {
		return await writeKeys(store, found, input, context);
	} finally {
		// Nothing works on it any more. If this fails, or the process dies before, the journal stays until the call
		// is repeated, or nobody can be at work any more.
		await removeTypedJournal(store, id).catch(() => undefined);
	}
}

const isSame = (request: string, other: string): boolean => request !== '' && request === other;

/** True when the last change of all keys was this very request. */
function isDone(members: readonly Member[], request: string): boolean {
	const all = members.every(({ head }) => isSame(head.metadata['request'] ?? '', request));
	return all && incompleteOf(members) === undefined;
}

/** Refuses a change that would add or remove a key. */
function differenceOf(
	{ secret, members }: FoundTyped,
	{ parts }: TypedValues,
): Result<never, Problem> | undefined {
	const has = new Set(members.map(({ membership }) => membership.part));
	const missing = [...has].filter((part) => !(part in parts));
	const added = Object.keys(parts).filter((part) => !has.has(part));
	if (missing.length === 0 && added.length === 0) return undefined;
	const sentences = [
		...(missing.length === 0 ? [] : [`it has ${missing.join(', ')}, which the call does not give`]),
		...(added.length === 0 ? [] : [`it has no ${added.join(', ')}`]),
	];
	return refuse(
		409,
		`a change replaces all keys of ${titleOf(secret)} and adds none: ${sentences.join('; ')}. Delete it and create it again for other keys`,
	);
}

async function writeKeys(
	store: Store,
	{ secret, members }: FoundTyped,
	{ values, description, tags, rotation, request }: TypedInput,
	{ attempt, subject, at }: AttemptContext,
): Promise<Result<void, Problem>> {
	const change: TypedChange = { secret, values, stamp: newStamp(), count: members.length, request };
	const metadata = {
		...(description === undefined ? {} : { description: description || null }),
		...(tags === undefined ? {} : { tags: encodeTags(tags) }),
		...rotation,
		updated_by: subject,
		updated_at: at.toISOString(),
	};
	let written = 0;
	const stopped = (): string => `only ${written} of ${members.length} keys of ${titleOf(secret)} are changed`;
	try {
		// One after the other: the certificate of a new CA, which trusts the previous one too, comes first.
		for (const { ref, head, membership } of members) {
			attempt.check();
			const value = values.parts[membership.part] ?? null;
			if (
				value !== null &&
				(await store.update(pathOf(ref), { [VALUE_FIELD]: value }, head.version)) !== 'written'
			)
				return refuse(409, `another call changed ${ref.key} at the same time: ${stopped()}. Repeat the call`);
			const version = value === null ? head.version : head.version + 1;
			await store.describe(pathOf(ref), { ...metadata, ...typedMetadata(change, membership.part, version) });
			written += 1;
		}
	} catch (thrown) {
		if (!(thrown instanceof RequestFailure)) throw thrown;
		throw new StoreFailure(
			thrown.code,
			thrown.message,
			`the secret store failed: ${stopped()}. Repeat the call with the same Idempotency-Key to finish it`,
		);
	}
	return ok(undefined);
}
