import { z } from 'zod';
import { createAsk, type VaultAccess } from '../../lib/vault/ask.ts';
import type { VaultResponse } from '../../lib/vault/types.ts';
import { mapAtMost } from '../concurrency.ts';
import { userSegment } from '../secrets/secret-location.ts';
import { type Store, StoreFailure } from '../store/store.ts';
import type { Elevation, ElevationTarget, ListedElevation } from './elevation.ts';

/** The elevations in Vault. Vault's clock ends them, not the clock of this process. */
export interface ElevationStore {
	/** Keeps a request. It gives nothing until `start`. */
	request(elevation: Elevation): Promise<void>;
	/** Starts a requested elevation, for the configured time. */
	start(elevation: Elevation): Promise<void>;
	/** The active elevation of a subject, as Vault has it now. */
	active(target: ElevationTarget, subject: string): Promise<Elevation | undefined>;
	/** All of a target that are kept, also ended ones. */
	list(target: ElevationTarget): Promise<readonly ListedElevation[]>;
	/** Ends an elevation at once, and removes it from the list. */
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
const METADATA = ELEVATION.omit({ target: true, approvedBy: true });
const AT_ONCE = 8;
/** Entries of one target that a list shows at most. */
const MAX_LISTED = 200;

const folderOf = ({ kind, name }: ElevationTarget): string => `registry/access/elevations/${kind}s/${name}`;
const pathOf = (target: ElevationTarget, subject: string): string =>
	`${folderOf(target)}/${userSegment(subject)}`;

/**
 * Keeps elevations as versions with `delete_version_after`. An entry has at most one version, and each start
 * writes a new one.
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
	return {
		request: async ({ id, target, subject, reason, requestedAt }) => {
			// An earlier elevation ends: a list shows the entry without a version as pending.
			await store.remove(pathOf(target, subject));
			const path = `${mount}/metadata/${pathOf(target, subject)}`;
			const body = {
				max_versions: 1,
				delete_version_after: `${seconds}s`,
				custom_metadata: { id, subject, reason, requestedAt },
			};
			checked(await ask('elevation', (token) => client.write(path, body, token)));
		},
		start: async (elevation) => {
			const { target, subject } = elevation;
			const path = `${mount}/data/${pathOf(target, subject)}`;
			const body = { data: { elevation: JSON.stringify(elevation) } };
			checked(await ask('elevation', (token) => client.write(path, body, token)));
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
				const waiting = head?.version === 0;
				const state = active !== undefined ? 'active' : waiting ? 'pending' : 'ended';
				return { ...metadata.data, target, approvedBy: active?.approvedBy ?? '', state } as const;
			});
			return listed.filter((one) => one !== undefined);
		},
		end: (target, subject) => store.remove(pathOf(target, subject)),
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
