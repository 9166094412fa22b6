import * as z from 'zod';
import { parseJson } from '../parse/json.ts';

/**
 * The newest state of Vault's storage that a program has seen: the index of its last write. Where nodes other
 * than the active one answer reads (OpenBao from 2.7, Vault Enterprise), a read that names it gets nothing
 * older. A node that is behind answers 429 or 412.
 */
export interface KnownIndex {
	/** Takes the index of a write. */
	add(index: string): void;
	/** The headers of a read. Empty before the first write, and where reads are never old. */
	headers(): Readonly<Record<string, string>>;
}

/** Creates an empty one. Clients of the same server may share it. */
export function createKnownIndex(): KnownIndex {
	let known: string | undefined;
	return {
		add: (index) => {
			if (known === undefined || !isOlder(index, known)) known = index;
		},
		headers: () => (known === undefined ? {} : { 'x-vault-index': known }),
	};
}

/** The index of OpenBao, which its documentation calls opaque. */
const INDEX = z.object({ cluster: z.string(), value: z.string().regex(/^[0-9]{1,20}$/) });

/**
 * True if the index is of an earlier write: responses of concurrent writes come in any order. Never true for
 * an index of another form or cluster.
 */
function isOlder(index: string, known: string): boolean {
	const [one, other] = [decode(index), decode(known)];
	return one !== undefined && one.cluster === other?.cluster && BigInt(one.value) < BigInt(other.value);
}

function decode(index: string): z.infer<typeof INDEX> | undefined {
	const json = parseJson(Buffer.from(index, 'base64'));
	const parsed = INDEX.safeParse(json.ok ? json.value : undefined);
	return parsed.success ? parsed.data : undefined;
}
