import type { EmptyPolicy } from '../contract/empty.ts';
import { VALUE_FIELD } from '../contract/tiers.ts';
import type { Json } from '../lib/json.ts';
import { fieldsText } from './tier-names.ts';

/** Why a secret cannot be delivered, and advice. */
export interface Unusable {
	readonly what: string;
	readonly cure: string;
}

/** Advice for an empty value that the policy refuses. */
export const EMPTY_CURE = 'give it a value, or set envtier.dev/empty to "skip" or "keep"';

/**
 * Why the fields of a secret contain no usable value; undefined if they do. Contains names of other fields,
 * never their values. Without `cure` the secret must be stored again.
 */
export function whyUnusable(
	fields: Json,
	empty: EmptyPolicy,
): (Omit<Unusable, 'cure'> & Partial<Unusable>) | undefined {
	const value = fields[VALUE_FIELD];
	if (value === undefined || value === null) {
		const others = Object.keys(fields).filter((name) => name !== VALUE_FIELD);
		const found = others.length === 0 ? '' : `, but ${fieldsText(others)}`;
		return { what: `has no field "${VALUE_FIELD}"${found}` };
	}
	if (typeof value !== 'string')
		return { what: `has no text in the field "${VALUE_FIELD}" but ${kindOf(value)}` };
	if (value === '')
		return empty === 'keep' ? undefined : { what: `has an empty field "${VALUE_FIELD}"`, cure: EMPTY_CURE };
	// In UTF-8 the surrogate would silently become another character.
	return value.isWellFormed()
		? undefined
		: { what: 'contains an unpaired surrogate, which is not valid text' };
}

function kindOf(value: unknown): string {
	return Array.isArray(value) ? 'a list' : `a${typeof value === 'object' ? 'n object' : ` ${typeof value}`}`;
}
