import { err, ok, type Result } from '../../contract/result.ts';
import { object } from '../../lib/json.ts';
import { linesOf, readProblem } from './lines.ts';

/** A pod or a person read a secret, as Vault's audit device recorded it. */
export interface VaultRead {
	readonly time: string;
	readonly who: string;
	/** The path without the mount: `deployments/shop/secrets/KEY`. */
	readonly path: string;
	readonly key: string;
	/** `done`, or Vault's error. */
	readonly result: string;
	readonly ip: string;
}

/** Lines longer than this are no lines of an audit device. */
const MAX_LINE = 4 * 1024 * 1024;
const MAX_READS = 200_000;
/** A read of a value: KV version 2 has `data/` after the mount. `metadata/` holds no value. */
const PATH = /^(?!.*\/(?:metadata|detailed-metadata)\/)(?:.*\/)?(deployments\/([^/]+)\/.*)$/;

/**
 * Reads an audit log of Vault or OpenBao (a file device, or standard input for `-`). Returns the reads of
 * values below deployments in a time range. Lines of other kinds are skipped.
 *
 * @param wanted only reads of this deployment and of this key
 */
export async function readVaultLog(
	file: string,
	wanted: { readonly deployment?: string | undefined; readonly key?: string | undefined },
	range: { readonly since: Date; readonly until: Date },
	stdin: NodeJS.ReadableStream,
): Promise<Result<readonly VaultRead[]>> {
	const reads: VaultRead[] = [];
	try {
		for await (const line of linesOf(file, stdin)) {
			const read = line.length > MAX_LINE ? undefined : readOf(line, wanted.deployment);
			if (read === undefined || !isIn(range, read)) continue;
			if (wanted.key !== undefined && read.key !== wanted.key) continue;
			if (reads.length >= MAX_READS)
				return err(`${file} has more than ${MAX_READS} reads in this time: narrow --since and --until`);
			reads.push(read);
		}
	} catch (thrown) {
		return err(readProblem(file, thrown));
	}
	return ok(reads);
}

function isIn(range: { readonly since: Date; readonly until: Date }, { time }: VaultRead): boolean {
	const at = Date.parse(time);
	return at >= range.since.getTime() && at < range.until.getTime();
}

function readOf(line: string, deployment: string | undefined): VaultRead | undefined {
	// Most lines are others. This is much faster than to parse them.
	if (!line.includes('deployments/')) return undefined;
	let entry: Readonly<Record<string, unknown>> | undefined;
	try {
		entry = object(JSON.parse(line));
	} catch {
		// A line that was cut off when the disk was full.
		return undefined;
	}
	const request = object(entry?.['request']);
	const { time } = entry ?? {};
	if (entry?.['type'] !== 'response' || request?.['operation'] !== 'read' || typeof time !== 'string')
		return undefined;
	const [, path, name] = PATH.exec(textOf(request['path'])) ?? [];
	if (path === undefined || (deployment !== undefined && name !== deployment)) return undefined;
	return {
		time,
		who: whoOf(object(entry['auth'])),
		path,
		key: path.slice(path.lastIndexOf('/') + 1),
		result: textOf(entry['error']) || 'done',
		ip: textOf(request['remote_address']),
	};
}

/** The service account of a pod's login, else the display name of the token. */
function whoOf(auth: Readonly<Record<string, unknown>> | undefined): string {
	const metadata = object(auth?.['metadata']);
	const account = textOf(metadata?.['service_account_name']);
	const role = textOf(metadata?.['role']);
	const name =
		account === ''
			? textOf(auth?.['display_name']) || 'nobody'
			: `pod of ${textOf(metadata?.['service_account_namespace'])}/${account}`;
	return role === '' ? name : `${name} (role ${role})`;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
