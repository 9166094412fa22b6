import { err, ok, type Result } from './result.ts';

/** A secret's key becomes a shell variable's name: POSIX "Name" (XBD 3.216). */
export const KEY_PATTERN = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The syntax of a key, for messages. */
export const KEY_RULE = 'letters, digits and "_", not starting with a digit';

/** True when `text` can be the name of a secret that a pod receives. */
export function isKey(text: string): boolean {
	return KEY_PATTERN.test(text);
}

/**
 * Parses a comma-separated list of keys (`A, B`). Ignores blanks around each. Empty or repeated items are
 * errors.
 */
export function parseKeys(text: string): Result<readonly string[]> {
	const keys = text.split(',').map((part) => part.trim());
	if (keys.some((key) => !isKey(key))) return err(`a comma-separated list of keys, each ${KEY_RULE}`);
	if (new Set(keys).size !== keys.length) return err('a comma-separated list of keys, each named once');
	return ok(keys);
}
