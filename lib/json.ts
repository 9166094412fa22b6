/** A decoded JSON or YAML object of unknown fields. */
export type Json = Readonly<Record<string, unknown>>;

/** `value` if it is an object; undefined for null, a list or a scalar. */
export function object(value: unknown): Json | undefined {
	return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

/** `value` if it is a non-empty string; otherwise undefined. */
export function text(value: unknown): string | undefined {
	return typeof value === 'string' && value !== '' ? value : undefined;
}

/** `value` if it is a list; otherwise an empty one. */
export function list(value: unknown): readonly unknown[] {
	return Array.isArray(value) ? value : [];
}

/** The objects in a list, without everything else in it. */
export function objects(value: unknown): readonly Json[] {
	return list(value)
		.map(object)
		.filter((one) => one !== undefined);
}
