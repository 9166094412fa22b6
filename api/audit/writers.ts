import { type AuditStore, AuditStoreFailure, type WrittenEntry } from './store/store.ts';

/** A version of a secret. */
interface DatedVersion {
	readonly number: number;
	readonly createdAt: Date;
}

/**
 * The longest time between a version's creation by Vault's clock and its result line by the API's, in ms. It
 * separates versions of the same number, before and after somebody removed the secret with its metadata.
 */
const APART = 10 * 60_000;

/**
 * Who wrote each version of a secret, by number. A version is missing if the audit store does not know it or
 * does not answer.
 */
export async function writersOf(
	store: AuditStore | undefined,
	secret: { readonly scope: string; readonly key: string },
	versions: readonly DatedVersion[],
): Promise<ReadonlyMap<number, string>> {
	const numbers = versions.map(({ number }) => number);
	if (store === undefined || numbers.length === 0) return new Map();
	try {
		const entries = await store.written({ ...secret, from: Math.min(...numbers), to: Math.max(...numbers) });
		return new Map(
			versions.flatMap((version) => {
				const writer = writerOf(version, entries);
				return writer === undefined ? [] : [[version.number, writer] as const];
			}),
		);
	} catch (thrown) {
		// The versions are known without it.
		if (thrown instanceof AuditStoreFailure) return new Map();
		throw thrown;
	}
}

function writerOf({ number, createdAt }: DatedVersion, entries: readonly WrittenEntry[]): string | undefined {
	const distance = ({ time }: WrittenEntry): number => Math.abs(time - createdAt.getTime());
	const [nearest] = entries
		.filter((entry) => entry.version === number && distance(entry) <= APART)
		.toSorted((a, b) => distance(a) - distance(b));
	return nearest?.actor;
}
