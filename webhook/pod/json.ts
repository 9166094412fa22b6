/** Readers for fields of decoded JSON with unknown types. A null counts as absent, as in Kubernetes. */

/** A JSON object of unknown content. */
export type Json = Readonly<Record<string, unknown>>;

/**
 * A field that does not have the type of the Kubernetes API. The message names the field, never its value.
 */
export class Malformed extends Error {}

const NONE: Json = Object.freeze({});

/** The object at `path`; an empty one when it is absent. */
export function object(value: unknown, path: string): Json {
	if (value === undefined || value === null) return NONE;
	if (typeof value !== 'object' || Array.isArray(value)) throw new Malformed(`${path} is not an object`);
	return value as Json;
}

/** The object at `path` in a list, where nothing can be absent. */
export function item(value: unknown, path: string): Json {
	if (value === undefined || value === null) throw new Malformed(`${path} is not an object`);
	return object(value, path);
}

/** The list at `path`, if there is one. */
export function list(value: unknown, path: string): readonly unknown[] | undefined {
	if (value === undefined || value === null) return undefined;
	if (!Array.isArray(value)) throw new Malformed(`${path} is not a list`);
	return value;
}

/** The string at `path`, if there is one. */
export function text(value: unknown, path: string): string | undefined {
	if (value === undefined || value === null) return undefined;
	if (typeof value !== 'string') throw new Malformed(`${path} is not a string`);
	return value;
}

/** The user or group id at `path`, if there is one. */
export function id(value: unknown, path: string): number | undefined {
	if (value === undefined || value === null) return undefined;
	if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
		throw new Malformed(`${path} is not a user or group id`);
	return value;
}

/** The string `field` of every object in a list, if there is a list. Empty where the field is absent. */
export function texts(value: unknown, field: string, path: string): readonly string[] | undefined {
	return list(value, path)?.map(
		(each, i) => text(item(each, `${path}[${i}]`)[field], `${path}[${i}].${field}`) ?? '',
	);
}
