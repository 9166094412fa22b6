/** A JSON object of unknown fields. */
export type Json = Readonly<Record<string, unknown>>;

/** Gives `value` if it is a JSON object. */
export function object(value: unknown): Json | undefined {
	return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}
