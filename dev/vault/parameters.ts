import { err, ok, type Result } from '../../contract/result.ts';

type Body = Readonly<Record<string, unknown>>;

/** Numbers may come as text, as everywhere in Vault's API. */
function toInteger(value: unknown): number | undefined {
	const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
	return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined;
}

/** Reads `versions`: a list of numbers, one number, or text with commas. */
export function readVersions(value: unknown): Result<readonly number[]> {
	const items = Array.isArray(value)
		? value
		: typeof value === 'string'
			? value.split(',').filter((item) => item !== '')
			: value === undefined || value === null
				? []
				: [value];
	const numbers = items.map(toInteger).filter((item) => item !== undefined);
	if (numbers.length < items.length) return err(invalid('versions', 'a list of numbers'));
	return ok(numbers);
}

/** Reads `options.cas` of a write; undefined if it is absent. */
export function readCas(body: Body): Result<number | undefined> {
	const options = body['options'] ?? {};
	if (typeof options !== 'object' || Array.isArray(options)) return err(invalid('options', 'an object'));
	if (!('cas' in options)) return ok(undefined);
	const cas = options.cas === null ? 0 : toInteger(options.cas);
	return cas === undefined ? err('error parsing check-and-set parameter') : ok(cas);
}

/** Reads seconds from a number or from Go's notation (`1h30m`, `90s`); undefined if it is neither or negative. */
export function readDuration(value: unknown): number | undefined {
	const number = toInteger(value);
	if (number !== undefined) return number >= 0 ? number : undefined;
	const match = typeof value === 'string' ? /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(value) : null;
	if (match === null || match[0] === '') return undefined;
	const [hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
	return (hours ?? 0) * 3600 + (minutes ?? 0) * 60 + (seconds ?? 0);
}

function invalid(field: string, expected: string): string {
	return `error converting input for field "${field}": expected ${expected}`;
}
