/** The result of a parser or a check: a value, or an error for the person who can correct the input. */
export type Result<T, E = string> =
	| { readonly ok: true; readonly value: T }
	| { readonly ok: false; readonly error: E };

/** A success that carries `value`. */
export const ok = <T>(value: T): Result<T, never> => ({ ok: true, value });

/** A failure that carries `error`. */
export const err = <E>(error: E): Result<never, E> => ({ ok: false, error });
