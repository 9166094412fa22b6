import { composeOrder, type Encoder, referencesOf, type Template } from '../contract/compose.ts';
import { Failure } from './failure.ts';
import type { Secret } from './tiers.ts';

/**
 * Vault's limit for one secret. Without a limit, templates that refer to each other could grow very large.
 */
const MAX_BYTES = 1024 * 1024;

const ENCODE: Readonly<Record<Encoder, (value: string) => string>> = {
	// encodeURIComponent does not encode these five characters, which are reserved (RFC 3986, 2.2).
	url: (value) =>
		encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
	base64: (value) => Buffer.from(value).toString('base64'),
	json: (value) => JSON.stringify(value),
	// A shell takes every character between single quotes literally (POSIX XCU 2.2.2).
	shell: (value) => `'${value.replaceAll("'", `'\\''`)}'`,
};

/** For each composed key, the keys that its template refers to and that do not exist. Omits other keys. */
export function missingReferences(
	templates: ReadonlyMap<string, Template>,
	secrets: readonly Secret[],
): ReadonlyMap<string, readonly string[]> {
	const have = new Set(secrets.map(({ key }) => key));
	const missing = [...templates].map(([key, template]): [string, readonly string[]] => [
		key,
		// Its own key refers to a secret with that name. Another composed key exists when it is composed.
		referencesOf(template).filter(
			(needed) => !have.has(needed) && (needed === key || !templates.has(needed)),
		),
	]);
	return new Map(missing.filter(([, keys]) => keys.length > 0));
}

/**
 * Composes values from secrets and from one another. A composed value replaces a secret with the same key.
 * A value replaces its reference and is not parsed again. The caller has checked that every reference has a
 * value (`missingReferences`).
 *
 * @returns all secrets, sorted by key in byte order
 */
export function compose(
	templates: ReadonlyMap<string, Template>,
	secrets: readonly Secret[],
): readonly Secret[] {
	if (templates.size === 0) return secrets;
	const order = composeOrder(templates);
	if (!order.ok)
		throw new Failure('settings', `templates refer to each other in a cycle: ${order.error.join(' > ')}`);
	const all = new Map(secrets.map((secret) => [secret.key, secret]));
	for (const key of order.value) {
		const parts = (templates.get(key) ?? []).map((part) => {
			if (typeof part === 'string') return part;
			const { value = '' } = all.get(part.key) ?? {};
			if (part.encoder === undefined) return value;
			if (part.encoder === 'shell' && value.includes('\0'))
				throw unusable(key, `${part.key} holds a NUL byte, which no shell word can`);
			return ENCODE[part.encoder](value);
		});
		if (parts.reduce((sum, { length }) => sum + length, 0) > MAX_BYTES)
			throw unusable(key, `it would be longer than ${MAX_BYTES} characters`);
		all.set(key, { key, origin: 'composed', value: parts.join('') });
	}
	// Keys are ASCII, so the order of UTF-16 units is the order of bytes.
	return [...all.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

function unusable(key: string, why: string): Failure {
	return new Failure('secret-unusable', `${key} cannot be composed: ${why}`);
}
