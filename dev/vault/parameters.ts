import { err, ok, type Result } from '../../contract/result.ts';
import type { SecretSettings } from './versions.ts';

type Body = Readonly<Record<string, unknown>>;

/** Numbers may also be text, as in all of Vault's API. */
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

/** Reads `options.cas` of a write; undefined when it is not set. */
export function readCas(body: Body): Result<number | undefined> {
	const options = body['options'] ?? {};
	if (typeof options !== 'object' || Array.isArray(options)) return err(invalid('options', 'an object'));
	if (!('cas' in options)) return ok(undefined);
	const cas = options.cas === null ? 0 : toInteger(options.cas);
	return cas === undefined ? err('error parsing check-and-set parameter') : ok(cas);
}

/** Reads the settings in a write to `metadata/`. Settings that are not in the body keep their value. */
export function readSettings(body: Body): Result<Partial<SecretSettings>> {
	const readers: Readonly<Record<string, (value: unknown) => Result<Partial<SecretSettings>>>> = {
		cas_required: (value) => {
			const flag = typeof value === 'string' ? FLAGS.get(value.toLowerCase()) : value;
			return typeof flag === 'boolean'
				? ok({ casRequired: flag })
				: err(invalid('cas_required', 'a boolean'));
		},
		max_versions: (value) => {
			const number = toInteger(value);
			return number === undefined ? err(invalid('max_versions', 'a number')) : ok({ maxVersions: number });
		},
		delete_version_after: (value) => {
			const seconds = readDuration(value);
			return seconds === undefined
				? err(invalid('delete_version_after', 'a duration'))
				: ok({ deleteAfterSeconds: seconds });
		},
		custom_metadata: readCustom,
	};
	let settings: Partial<SecretSettings> = {};
	for (const [name, read] of Object.entries(readers)) {
		const value = body[name];
		if (value === undefined || value === null) continue;
		const read1 = read(value);
		if (!read1.ok) return read1;
		settings = { ...settings, ...read1.value };
	}
	return ok(settings);
}

const FLAGS: ReadonlyMap<string, boolean> = new Map([
	['true', true],
	['1', true],
	['false', false],
	['0', false],
]);

/** Vault's limits on custom metadata. */
const CUSTOM = { entries: 64, keyLength: 128, valueLength: 512 };

function readCustom(value: unknown): Result<Pick<SecretSettings, 'custom'>> {
	if (typeof value !== 'object' || value === null || Array.isArray(value)) {
		return err(invalid('custom_metadata', 'an object'));
	}
	const entries = Object.entries(value);
	if (entries.some(([, item]) => typeof item === 'object')) {
		return err('custom_metadata validation failed: values must be text');
	}
	const custom = entries.map(([key, item]) => [key, String(item)] as const);
	const fault = customFault(custom);
	if (fault !== undefined) return err(`custom_metadata validation failed: ${fault}`);
	return ok({ custom: custom.length === 0 ? null : Object.fromEntries(custom) });
}

function customFault(entries: readonly (readonly [string, string])[]): string | undefined {
	if (entries.length > CUSTOM.entries) {
		return `payload must contain at most ${CUSTOM.entries} keys, provided ${entries.length}`;
	}
	for (const [key, value] of entries) {
		if (key.length === 0 || key.length > CUSTOM.keyLength) return `length of key "${key}" is ${key.length}`;
		if (value.length === 0 || value.length > CUSTOM.valueLength) {
			return `length of value for key "${key}" is ${value.length} but must be 0 < len(value) <= ${CUSTOM.valueLength}`;
		}
		if (/\p{Cc}/u.test(key + value)) return `key or value of "${key}" contains unprintable characters`;
	}
	return undefined;
}

/**
 * Reads seconds from a number or from Go's notation (`1h30m`, `90s`); undefined when it is neither or
 * negative.
 */
export function readDuration(value: unknown): number | undefined {
	const number = toInteger(value);
	if (number !== undefined) return number >= 0 ? number : undefined;
	const match = typeof value === 'string' ? /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(value) : null;
	if (match === null || match[0] === '') return undefined;
	const [hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
	return (hours ?? 0) * 3600 + (minutes ?? 0) * 60 + (seconds ?? 0);
}

/** Writes seconds in Go's notation: `0s`, `1m30s`, `1h30m0s`. */
export function writeDuration(total: number): string {
	const hours = Math.floor(total / 3600);
	const minutes = Math.floor(total / 60) % 60;
	const head = hours > 0 ? `${hours}h${minutes}m` : minutes > 0 ? `${minutes}m` : '';
	return `${head}${total % 60}s`;
}

function invalid(field: string, expected: string): string {
	return `error converting input for field "${field}": expected ${expected}`;
}
