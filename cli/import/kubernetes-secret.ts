import { isKey, KEY_RULE } from '../../contract/keys.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { object, text } from '../../lib/json.ts';

/** A key of a Secret of Kubernetes, and the key that it gets. */
export interface ImportedEntry {
	readonly from: string;
	readonly key: string;
	readonly value: string;
}

/** Types whose contents belong to the cluster or to a tool, and why they are not imported. */
const REFUSED: Readonly<Record<string, string>> = {
	'kubernetes.io/service-account-token':
		'it is a token of a service account: pods get short-lived ones from the kubelet',
	'bootstrap.kubernetes.io/token': 'it is a bootstrap token: whoever has it can join nodes to the cluster',
	'helm.sh/release.v1': 'it is a release of Helm, not a secret of an application',
};
/** The same by name, because a tool may write them without the type. */
const REFUSED_NAMES: readonly (readonly [RegExp, string])[] = [
	[/^sh\.helm\.release\.v1\./, 'helm.sh/release.v1'],
	[/^bootstrap-token-[a-z0-9]{6}$/, 'bootstrap.kubernetes.io/token'],
];

/** Parses `--rename a=B`, which may come several times and hold several with commas. */
export function parseRenames(texts: readonly string[]): Result<ReadonlyMap<string, string>> {
	const renames = new Map<string, string>();
	for (const rename of texts.flatMap((one) => one.split(','))) {
		const [, from = '', to = ''] = /^([^=]+)=([^=]+)$/.exec(rename.trim()) ?? [];
		if (from === '' || !isKey(to)) return err(`--rename must be OLD=NEW, and NEW ${KEY_RULE}`);
		if (renames.has(from)) return err(`--rename names ${from} twice`);
		renames.set(from, to);
	}
	return ok(renames);
}

/**
 * The entries of a Secret as the API server returns it. The errors, all at once, say which keys cannot be
 * imported. None has a value.
 *
 * @param only the keys to import; undefined: all
 */
export function entriesOf(
	secret: unknown,
	renames: ReadonlyMap<string, string>,
	only: readonly string[] | undefined,
): Result<readonly ImportedEntry[], readonly string[]> {
	const found = object(secret);
	const refusal = refusalOf(found);
	if (refusal !== undefined) return err([refusal]);
	const data = Object.entries(object(found?.['data']) ?? {});
	const names = new Set(data.map(([name]) => name));
	const unknown = [...renames.keys(), ...(only ?? [])].filter((name) => !names.has(name));
	if (unknown.length > 0) return err([`the Secret has no ${unknown.join(', ')}`]);
	const chosen = data.filter(([name]) => only === undefined || only.includes(name));
	if (chosen.length === 0) return err(['the Secret has no data']);
	const parsed = chosen.map(([name, value]) => entryOf(name, text(value) ?? '', renames));
	const problems = parsed.flatMap((one) => (one.ok ? [] : [one.error]));
	const entries = parsed.flatMap((one) => (one.ok ? [one.value] : []));
	const keys = entries.map(({ key }) => key);
	const twice = keys.filter((key, at) => keys.indexOf(key) !== at);
	if (twice.length > 0) problems.push(`several keys would become ${[...new Set(twice)].join(', ')}`);
	return problems.length > 0 ? err(problems) : ok(entries);
}

function refusalOf(secret: Readonly<Record<string, unknown>> | undefined): string | undefined {
	const name = text(object(secret?.['metadata'])?.['name']) ?? '';
	const type = text(secret?.['type']) ?? '';
	const byName = REFUSED_NAMES.find(([pattern]) => pattern.test(name))?.[1];
	const reason = REFUSED[type] ?? (byName === undefined ? undefined : REFUSED[byName]);
	return reason === undefined ? undefined : `${name} is not imported: ${reason}`;
}

function entryOf(from: string, encoded: string, renames: ReadonlyMap<string, string>): Result<ImportedEntry> {
	const key = renames.get(from) ?? from;
	if (!isKey(key)) {
		const suggestion = from.replace(/[^A-Za-z0-9_]/g, '_').toUpperCase();
		return err(`${from}: a key must be ${KEY_RULE}; add --rename ${from}=${suggestion}`);
	}
	const bytes = Buffer.from(encoded, 'base64');
	if (bytes.length === 0) return err(`${from}: its value is empty; leave it out with --only`);
	try {
		const value = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
		if (value.includes('\0')) throw new Error('NUL');
		return ok({ from, key, value });
	} catch {
		return err(`${from}: its value is not text, so no pod could receive it; leave it out with --only`);
	}
}
