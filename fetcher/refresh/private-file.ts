import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Json, object } from '../../lib/json.ts';
import { writeNew } from '../new-file.ts';
import type { SavedToken } from '../vault.ts';
import { explainWrite } from '../write-failure.ts';
import { decodeLeases, encodeLeases, tokenIn } from './lease-record.ts';
import type { LeaseState } from './lease-state.ts';
import { NO_RESTARTS, type RestartMemory, restartMemoryIn } from './restart.ts';

/** A change whose notification is not delivered yet. */
export interface PendingChange {
	readonly keys: readonly string[];
	readonly revision: string;
	/** Number of the write of the files. A lease changes them without a new revision. */
	readonly write: number;
}

/** The state that a fetcher saves for its sidecar, and a sidecar for its next start. */
export interface PrivateState {
	readonly token: SavedToken | undefined;
	/** SHA-256 of each value in base64, by key. They show which keys a change affects. */
	readonly digests: ReadonlyMap<string, string>;
	/** The revision of the files in the volume. */
	readonly revision: string;
	readonly pending: PendingChange | undefined;
	/** The request of `envtier refresh` that was served last; empty if there was none. */
	readonly request: string;
	/** The leases by name. */
	readonly leases: ReadonlyMap<string, LeaseState>;
	/** True after SIGTERM: all tokens in this file were revoked, or soon are. */
	readonly ended: boolean;
	readonly restart: RestartMemory;
}

/** The state of a pod whose fetcher left none. */
export const NO_STATE: PrivateState = {
	token: undefined,
	digests: new Map(),
	revision: '',
	pending: undefined,
	request: '',
	leases: new Map(),
	ended: false,
	restart: NO_RESTARTS,
};

const FILE = 'state.json';
const NEW = 'state.json.new';

/** Maximum size of the file, in bytes. 500 keys take 60 KiB, 8 leases 512 KiB. Ignores a longer file. */
const LONGEST = 1024 * 1024;

/** Writes the state in one step, with mode 0600. */
export function savePrivateState(directory: string, { digests, leases, ...state }: PrivateState): void {
	const text = JSON.stringify({
		...state,
		digests: Object.fromEntries(digests),
		leases: encodeLeases(leases),
	});
	try {
		rmSync(join(directory, NEW), { force: true });
		writeNew(join(directory, NEW), text);
		renameSync(join(directory, NEW), join(directory, FILE));
	} catch (thrown) {
		throw explainWrite(thrown, directory, Buffer.byteLength(text));
	}
}

/**
 * Reads the state. Undefined if there is no file, or if its content is invalid. The sidecar then fetches
 * everything again.
 */
export function loadPrivateState(directory: string): PrivateState | undefined {
	const text = readBounded(join(directory, FILE));
	if (text === undefined) return undefined;
	let parsed: Json | undefined;
	try {
		parsed = object(JSON.parse(text));
	} catch {
		return undefined;
	}
	const digests = object(parsed?.['digests']);
	const revision = parsed?.['revision'];
	if (digests === undefined || typeof revision !== 'string') return undefined;
	const entries = Object.entries(digests).filter(
		(entry): entry is [string, string] => typeof entry[1] === 'string',
	);
	return {
		digests: new Map(entries),
		revision,
		token: tokenIn(object(parsed?.['token'])),
		pending: pendingIn(object(parsed?.['pending'])),
		request: typeof parsed?.['request'] === 'string' ? parsed['request'] : '',
		leases: decodeLeases(object(parsed?.['leases'])),
		ended: parsed?.['ended'] === true,
		restart: restartMemoryIn(object(parsed?.['restart'])),
	};
}

function pendingIn(pending: Json | undefined): PendingChange | undefined {
	const { keys, revision, write } = pending ?? {};
	if (!Array.isArray(keys) || typeof revision !== 'string') return undefined;
	return {
		keys: keys.filter((key) => typeof key === 'string'),
		revision,
		write: typeof write === 'number' ? write : 0,
	};
}

function readBounded(path: string): string | undefined {
	if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
	const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
	try {
		const { size } = fstatSync(file);
		if (size > LONGEST) return undefined;
		const bytes = Buffer.alloc(size);
		return bytes.toString('utf8', 0, readSync(file, bytes));
	} finally {
		closeSync(file);
	}
}
