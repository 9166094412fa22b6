import { ok, type Result } from '../../contract/result.ts';
import { type Context, fail } from '../context.ts';
import { json, type Output } from '../output.ts';
import { openOutputFile } from '../output-file.ts';
import type { ApiCall, ApiFailure } from '../remote/client.ts';
import { failed, withApi } from '../remote/session.ts';
import { table } from '../table.ts';
import { CSV_HEAD, csvRow } from './csv.ts';
import type { AuditEntry } from './entry.ts';
import { type AuditSelection, entriesOf, type QueryOptions, selectionOf } from './query.ts';
import { readVaultLog, type VaultRead } from './vault-log.ts';

/** Options of `envtier audit`. */
export interface AuditOptions extends QueryOptions {
	readonly limit?: number | undefined;
	readonly csv?: true | undefined;
	readonly outputFile?: string | undefined;
	readonly vaultLog?: string | undefined;
	readonly output: Output;
}

/** Entries that are kept in memory for a table or for JSON. CSV has no limit: it is written page by page. */
const MAX_KEPT = 10_000;

/** `envtier audit` */
export async function queryAudit(options: AuditOptions, context: Context): Promise<void> {
	const { csv, vaultLog, outputFile } = options;
	if (csv && vaultLog !== undefined)
		return fail(context, 'usage', 'set either --csv or --vault-log: the rows of the two have other columns');
	const selection = selectionOf(options, new Date());
	if (!selection.ok) return fail(context, 'usage', selection.error);
	await withApi(context, async ({ call }) => {
		if (outputFile === undefined) {
			const { stdout } = context;
			const write = (text: string): Promise<void> => Promise.resolve(stdout.write(text));
			return void (await report(call, selection.value, options, context, write));
		}
		const file = await openOutputFile(outputFile);
		if (!file.ok) return fail(context, 'failed', file.error);
		if (!(await report(call, selection.value, options, context, file.value.write)))
			return await file.value.discard();
		const committed = await file.value.commit();
		if (!committed.ok) fail(context, 'failed', committed.error);
	});
}

/** Writes the report; false if it failed. */
async function report(
	call: ApiCall,
	selection: AuditSelection,
	options: AuditOptions,
	context: Context,
	write: (text: string) => Promise<void>,
): Promise<boolean> {
	if (options.csv) return await writeCsv(call, selection, options, context, write);
	const limit = options.limit ?? MAX_KEPT;
	const entries = await collect(call, selection, limit);
	if (!entries.ok) {
		failed(context, entries.error);
		return false;
	}
	const { vaultLog, output } = options;
	const reads =
		vaultLog === undefined ? ok([]) : await readVaultLog(vaultLog, options, selection, context.stdin);
	if (!reads.ok) {
		fail(context, 'usage', reads.error);
		return false;
	}
	if (output === 'json')
		await write(json(vaultLog === undefined ? entries.value : { api: entries.value, vault: reads.value }));
	else {
		const rows = [...eventRows(entries.value), ...reads.value.map(readRow)].sort(byTime);
		const { paint } = context.stdout;
		const plain = options.outputFile === undefined ? paint : (_style: unknown, text: string) => text;
		await write(table(['TIME', 'WHO', 'ACTION', 'SCOPE', 'KEY', 'RESULT'], rows, plain));
	}
	if (entries.value.length >= limit)
		context.stderr.write(`only the first ${limit} entries: set --since, --until or --limit, or use --csv\n`);
	return true;
}

const byTime = ([a = '']: readonly string[], [b = '']: readonly string[]): number =>
	Date.parse(a) - Date.parse(b);

async function writeCsv(
	call: ApiCall,
	selection: AuditSelection,
	{ limit = Number.POSITIVE_INFINITY }: AuditOptions,
	context: Context,
	write: (text: string) => Promise<void>,
): Promise<boolean> {
	await write(CSV_HEAD);
	for await (const page of entriesOf(call, selection, limit)) {
		if (!page.ok) {
			failed(context, page.error);
			return false;
		}
		await write(page.value.map(csvRow).join(''));
	}
	return true;
}

async function collect(
	call: ApiCall,
	selection: AuditSelection,
	limit: number,
): Promise<Result<readonly AuditEntry[], ApiFailure>> {
	const all: AuditEntry[] = [];
	for await (const page of entriesOf(call, selection, limit)) {
		if (!page.ok) return page;
		all.push(...page.value);
	}
	return ok(all);
}

/** A row for each event: its result line, or its intent line if there is no result. */
function eventRows(entries: readonly AuditEntry[]): readonly (readonly string[])[] {
	const ended = new Set(entries.filter(({ phase }) => phase === 'result').map(({ eventId }) => eventId));
	return entries
		.filter(({ phase, eventId }) => phase === 'result' || !ended.has(eventId))
		.map((entry) => {
			const { time, actor, email, action, scope, key, result, status } = entry;
			const who = email === undefined ? actor : `${actor} <${email}>`;
			return [
				time,
				who,
				action,
				scope,
				key,
				result === undefined ? 'no result line' : `${result} (${status})`,
			];
		});
}

function readRow({ time, who, path, key, result }: VaultRead): readonly string[] {
	return [time, who, 'read', path.slice(0, path.lastIndexOf('/')), key, result];
}
