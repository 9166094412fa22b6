import { z } from 'zod';
import { createAsk, type VaultAccess } from '../../lib/vault/ask.ts';
import type { VaultResponse } from '../../lib/vault/types.ts';
import { mapAtMost } from '../concurrency.ts';
import { userSegment } from '../secrets/secret-location.ts';
import { type Store, StoreFailure } from '../store/store.ts';
import type { Elevation, ElevationTarget, ListedElevation, RequestVersion } from './elevation.ts';

/** The elevations in Vault. Vault's clock ends them, not the clock of this process. */
export interface ElevationStore {
	/**
	 * Keeps a request, and ends the subject's earlier elevation of the target. It gives nothing until `start`.
	 * Returns what `start` needs.
	 */
	request(elevation: Elevation): Promise<RequestVersion>;
	/**
	 * Starts a requested elevation, for the configured time. False if the subject has asked for another one
	 * since, or it was started or ended: then nothing changes.
	 */
	start(elevation: Elevation, version: RequestVersion): Promise<boolean>;
	/** The active elevation of a subject, as Vault has it now. */
	active(target: ElevationTarget, subject: string): Promise<Elevation | undefined>;
	/** The last elevation of each subject for a target, also ended ones. */
	list(target: ElevationTarget): Promise<readonly ListedElevation[]>;
	/** Ends an elevation at once. */
	end(target: ElevationTarget, subject: string): Promise<void>;
}

const ELEVATION = z.object({
	id: z.string(),
	target: z.object({ kind: z.enum(['deployment', 'org']), name: z.string() }),
	subject: z.string(),
	reason: z.string(),
	requestedAt: z.string(),
	approvedBy: z.string(),
});
const METADATA = ELEVATION.omit({ target: true, approvedBy: true }).extend({
	version: z
		.string()
		.regex(/^[0-9]{1,9}$/)
		.transform(Number),
});
/** The fields of a version that closes what was before it, and is no elevation itself. */
const CLOSED = { state: 'closed' } as const;
/** Each attempt but the last met another change of the same entry. */
const CLOSE_ATTEMPTS = 5;
const AT_ONCE = 8;
/** Entries of one target that a list shows at most. */
const MAX_LISTED = 200;

const folderOf = ({ kind, name }: ElevationTarget): string => `registry/access/elevations/${kind}s/${name}`;
const pathOf = (target: ElevationTarget, subject: string): string =>
	`${folderOf(target)}/${userSegment(subject)}`;

/**
 * Keeps elevations as versions with `delete_version_after`: one entry for each target and subject.
 *
 * A request writes a version without an elevation, and its number into the metadata. `start` writes the next
 * version with check-and-set on that number. So it starts the request that was looked at, or nothing. Entries
 * are never removed: numbers only grow, and no version is without `delete_version_after`.
 *
 * @param seconds how long an elevation lasts
 */
export function createElevationStore(
	store: Store,
	access: VaultAccess,
	{ mount, seconds }: { readonly mount: string; readonly seconds: number },
): ElevationStore {
	const { client } = access;
	const ask = createAsk(access);
	const read = async (path: string): Promise<Elevation | undefined> => {
		const text = (await store.read(path))?.['elevation'];
		return text === undefined ? undefined : ELEVATION.parse(JSON.parse(text));
	};
	const writeMetadata = async (path: string, custom: object): Promise<void> => {
		const body = { max_versions: 1, delete_version_after: `${seconds}s`, ...custom };
		checked(await ask('elevation', (token) => client.write(`${mount}/metadata/${path}`, body, token)));
	};
	/** Ends what is there. Returns the number of the version that does so. */
	const close = async (path: string): Promise<number> => {
		for (let attempt = 0; attempt < CLOSE_ATTEMPTS; attempt += 1) {
			const head = await store.head(path);
			const written = await store.putVersion(path, CLOSED, head?.version ?? 0);
			if (written !== 'conflict') return written.number;
		}
		throw new StoreFailure('refused', `${path} in Vault changes too often: try again`);
	};
	return {
		request: async ({ id, target, subject, reason, requestedAt }) => {
			const path = pathOf(target, subject);
			// Before the first version: no version may lack its end.
			if ((await store.head(path)) === undefined) await writeMetadata(path, {});
			const version = await close(path);
			await writeMetadata(path, {
				custom_metadata: { id, subject, reason, requestedAt, version: String(version) },
			});
			return version;
		},
		start: async (elevation, version) => {
			const path = pathOf(elevation.target, elevation.subject);
			const fields = { elevation: JSON.stringify(elevation) };
			return (await store.put(path, fields, version)) === 'written';
		},
		active: async (target, subject) => {
			const elevation = await read(pathOf(target, subject));
			return elevation?.subject === subject ? elevation : undefined;
		},
		list: async (target) => {
			const names = (await store.list(folderOf(target))).slice(0, MAX_LISTED);
			const listed = await mapAtMost(AT_ONCE, names, async (name) => {
				const path = `${folderOf(target)}/${name}`;
				const [head, active] = await Promise.all([store.head(path), read(path)]);
				const metadata = METADATA.safeParse(head?.metadata);
				if (!metadata.success) return undefined;
				const { version } = metadata.data;
				const requested = { ...metadata.data, target, approvedBy: '' };
				if (active !== undefined) return { ...active, version, state: 'active' } as const;
				return { ...requested, state: head?.version === version ? 'pending' : 'ended' } as const;
			});
			return listed.filter((one) => one !== undefined);
		},
		end: async (target, subject) => {
			const path = pathOf(target, subject);
			if ((await store.head(path)) !== undefined) await close(path);
		},
	};
}

/** Throws for a response that is no success. */
function checked({ status, path }: VaultResponse): void {
	if (status === 200 || status === 204) return;
	throw new StoreFailure(
		'refused',
		`Vault answered HTTP ${status} at ${path}: check the policy envtier_reveal`,
	);
}
