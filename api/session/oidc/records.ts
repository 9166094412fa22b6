import { createHash, randomBytes } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { z } from 'zod';
import { ok, type Result } from '../../../contract/result.ts';
import { type Problem, refuse } from '../../problem.ts';
import { type Store, StoreFailure } from '../../store/store.ts';
import { type SealingKeys, seal, unseal } from './sealed.ts';

const FOLDER = 'registry/sessions';
/** The name of a record has the end of its session (seconds since 1970) and a hash of the person. */
const NAME = /^(?<ends>[0-9]{10})-(?<person>[0-9a-f]{16})-[0-9a-f]{36}$/;
/** Sessions of one person: another one ends the one that would end first. */
const OF_ONE_PERSON = 10;
/** Sessions of all people. */
const OF_ALL = 5_000;
/** Maximum length of a sealed record, in characters. A store keeps ten versions of it. */
const MAX_SEALED = 32_768;

const TOO_MANY = 'too many people are signed in to the dashboard now; try again later';
const TOO_LONG = 'the tokens of your issuer are too long to be kept';

/** What a session needs besides its cookie, for whichever replica its next call reaches. */
export interface SessionRecord {
	/** When the claims were taken from the issuer, in ms. */
	readonly taken: number;
	readonly claims: JWTPayload;
	readonly refreshToken: string | undefined;
	readonly idToken: string | undefined;
	/** The replica that takes the claims again now. After `until`, in ms, another one may. */
	readonly renewal: { readonly by: string; readonly until: number } | undefined;
}

const CONTENT = z.object({
	sid: z.string(),
	taken: z.number(),
	claims: z.looseObject({}),
	refreshToken: z.string().optional(),
	idToken: z.string().optional(),
	renewal: z.object({ by: z.string(), until: z.number() }).optional(),
});

/**
 * The sessions of all replicas, in the store. What is in a record is sealed with the keys of the cookies, for
 * this record alone: the store, and whoever may read it, cannot use it. Every function rejects with a
 * `RequestFailure` while the store is away.
 */
export interface SessionRecords {
	/** Keeps a new session, and returns its id. */
	begin(subject: string, ends: number, record: SessionRecord): Promise<Result<string, Problem>>;
	/** The record and its version; undefined if the session has ended. */
	read(sid: string): Promise<{ readonly record: SessionRecord; readonly version: number } | undefined>;
	/** Replaces a version of a record. "conflict" if it is not the current one, or the session has ended. */
	replace(sid: string, record: SessionRecord, version: number): Promise<'written' | 'conflict'>;
	/** False when the session has ended on any replica. */
	isHeld(sid: string): Promise<boolean>;
	end(sid: string): Promise<void>;
	/** Removes the records of sessions that are over. Returns their number. */
	purge(): Promise<number>;
}

/** What the records are made from. */
export interface RecordParts {
	readonly store: Store;
	readonly keys: SealingKeys;
	readonly now: () => Date;
	/** Gets the refresh token of a session that nobody signed out of: it was over, or made room. */
	readonly onRemoved: (refreshToken: string) => void;
}

/** Keeps sessions in a store. */
export function keepRecords({ store, keys, now, onRemoved }: RecordParts): SessionRecords {
	const names = async () => (await store.list(FOLDER)).flatMap((name) => parseName(name) ?? []);
	const read: SessionRecords['read'] = async (sid) => {
		if (parseName(sid) === undefined) return undefined;
		// The version first: a record that is written in between is then replaced by nobody.
		const head = await store.head(pathOf(sid));
		const fields = head === undefined ? undefined : await store.read(pathOf(sid));
		const content = CONTENT.safeParse(await unseal(keys, 'session record', fields?.['sealed'] ?? ''));
		if (head === undefined || !content.success || content.data.sid !== sid) return undefined;
		const { taken, claims, refreshToken, idToken, renewal } = content.data;
		return { record: { taken, claims, refreshToken, idToken, renewal }, version: head.version };
	};
	const remove = async (over: readonly { readonly name: string }[]): Promise<number> => {
		for (const { name } of over) {
			const found = await read(name);
			await store.remove(pathOf(name));
			if (found?.record.refreshToken !== undefined) onRemoved(found.record.refreshToken);
		}
		return over.length;
	};
	const purge = async (): Promise<number> =>
		await remove((await names()).filter(({ ends }) => ends <= now().getTime()));
	const sealRecord = async (sid: string, record: SessionRecord): Promise<string | undefined> => {
		// The store's records have their own end; sealed data needs one that is not before it.
		const sealed = await seal(keys, 'session record', { sid, ...record }, SEALED_SECONDS);
		if (sealed.length <= MAX_SEALED) return sealed;
		// The id token only tells the issuer whose session ends there.
		return record.idToken === undefined
			? undefined
			: await sealRecord(sid, { ...record, idToken: undefined });
	};
	return {
		begin: async (subject, ends, record) => {
			let known = await names();
			if (known.length >= OF_ALL) {
				await purge();
				known = await names();
			}
			if (known.length >= OF_ALL) return refuse(503, TOO_MANY);
			const person = createHash('sha256').update(subject).digest('hex').slice(0, 16);
			const own = known.filter((one) => one.person === person).sort((a, b) => a.ends - b.ends);
			await remove(own.slice(0, Math.max(0, own.length - OF_ONE_PERSON + 1)));
			const sid = `${Math.floor(ends / 1000)}-${person}-${randomBytes(18).toString('hex')}`;
			const sealed = await sealRecord(sid, record);
			if (sealed === undefined) return refuse(403, TOO_LONG);
			await store.put(pathOf(sid), { sealed }, 0);
			return ok(sid);
		},
		read,
		replace: async (sid, record, version) => {
			const sealed = await sealRecord(sid, record);
			if (sealed === undefined) throw new StoreFailure('bad-answer', TOO_LONG);
			return await store.put(pathOf(sid), { sealed }, version);
		},
		isHeld: async (sid) => parseName(sid) !== undefined && (await store.head(pathOf(sid))) !== undefined,
		end: async (sid) => {
			if (parseName(sid) !== undefined) await store.remove(pathOf(sid));
		},
		purge,
	};
}

/** Longer than a session. */
const SEALED_SECONDS = 24 * 3_600;

const pathOf = (name: string): string => `${FOLDER}/${name}`;

/** Undefined for a name that is not one of ours. */
function parseName(name: string): { name: string; ends: number; person: string } | undefined {
	const { ends, person } = NAME.exec(name)?.groups ?? {};
	return ends === undefined || person === undefined ? undefined : { name, ends: Number(ends) * 1000, person };
}
