import { err, ok, type Result } from '../../contract/result.ts';
import { object } from '../../lib/json.ts';
import type { Context } from '../context.ts';
import { json, type Output } from '../output.ts';
import type { ApiCall, ApiFailure } from '../remote/client.ts';
import { failed, withApi } from '../remote/session.ts';
import { type AuditEntry, FIELDS } from './entry.ts';
import { linesOf, readProblem } from './lines.ts';

/** Limits of one call: the API's number of lines, and less than its smallest usual body. */
const BATCH = { lines: 500, bytes: 700_000 };

interface Counts {
	loaded: number;
	present: number;
	/** Audit lines of a version without event ids, which have no number that makes them unique. */
	old: number;
}

/** `envtier audit --load FILE`: loads the audit lines of a log into the store, each once. */
export async function loadLines(
	file: string,
	{ output }: { readonly output: Output },
	context: Context,
): Promise<void> {
	await withApi(context, async ({ call }) => {
		const counts: Counts = { loaded: 0, present: 0, old: 0 };
		const loaded = await loadAll(call, file, context, counts);
		const { stdout, stderr } = context;
		stdout.write(
			output === 'json' ? json(counts) : `loaded ${counts.loaded} lines; ${counts.present} were there\n`,
		);
		if (counts.old > 0)
			stderr.write(`${counts.old} audit lines of an earlier version have no number, and were not loaded\n`);
		if (loaded.ok) return;
		failed(context, loaded.error);
		stderr.write('run it again to load the rest: lines that are there stay as they are\n');
	});
}

async function loadAll(
	call: ApiCall,
	file: string,
	{ stdin }: Context,
	counts: Counts,
): Promise<Result<void, ApiFailure>> {
	try {
		for await (const lines of batchesOf(linesOf(file, stdin), counts)) {
			const answer = await call('POST', '/api/audit', { lines });
			if (!answer.ok) return answer;
			const { loaded, present } = answer.value as Counts;
			counts.loaded += loaded;
			counts.present += present;
		}
		return ok(undefined);
	} catch (thrown) {
		return err({ ending: 'usage', message: readProblem(file, thrown), uncertain: false });
	}
}

/** Lines of the API's log that the store takes, in batches. Skips log lines and lines that were cut off. */
async function* batchesOf(
	texts: AsyncIterable<string>,
	counts: Counts,
): AsyncGenerator<readonly AuditEntry[]> {
	let batch: AuditEntry[] = [];
	let bytes = 0;
	for await (const text of texts) {
		const line = lineOf(text);
		if (line === 'old') counts.old += 1;
		if (line === undefined || line === 'old') continue;
		const size = Buffer.byteLength(text);
		if (batch.length === BATCH.lines || (batch.length > 0 && bytes + size > BATCH.bytes)) {
			yield batch;
			batch = [];
			bytes = 0;
		}
		batch.push(line);
		bytes += size;
	}
	if (batch.length > 0) yield batch;
}

function lineOf(text: string): AuditEntry | 'old' | undefined {
	if (!text.includes('"audit"')) return undefined;
	let found: Readonly<Record<string, unknown>> | undefined;
	try {
		found = object(JSON.parse(text));
	} catch {
		// A line that was cut off, or text of another program.
		return undefined;
	}
	if (found?.['type'] !== 'audit') return undefined;
	if (found['replica'] === undefined || found['eventId'] === undefined) return 'old';
	const fields = FIELDS.filter((field) => field !== 'loadedBy' && found[field] !== undefined);
	// The API checks each field.
	return Object.fromEntries(fields.map((field) => [field, found[field]])) as unknown as AuditEntry;
}
