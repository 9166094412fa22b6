/** A decoded JSON or YAML object of unknown content. */
export type Json = Readonly<Record<string, unknown>>;

/** The value as an object, if it is one. */
export function object(value: unknown): Json | undefined {
	return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

/** The value as a string that says something, if it is one. */
export function text(value: unknown): string | undefined {
	return typeof value === 'string' && value !== '' ? value : undefined;
}
