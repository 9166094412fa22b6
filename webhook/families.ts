import { parseTemplate } from '../contract/compose.ts';
import { isKey, KEY_RULE } from '../contract/keys.ts';
import type { Result } from '../contract/result.ts';

/** Annotations of one family, `envtier.dev/FAMILY.MEMBER`: how each is read and what the reference says of them. */
interface Family<T> {
	/** What stands behind the dot, as the reference writes it. */
	readonly member: 'KEY';
	readonly isMember: (text: string) => boolean;
	/** What a member must be, for messages. */
	readonly memberRule: string;
	/** The value, or what is accepted. */
	readonly parse: (text: string) => Result<T>;
	readonly meaning: string;
	/** What holds without it, as the reference says it. */
	readonly default: string;
	/** A member and its value. */
	readonly example: readonly [string, string];
}

const KEYED = { member: 'KEY', isMember: isKey, memberRule: `a key: ${KEY_RULE}` } as const;

/** Checks a value and keeps it as it was written: the fetcher reads it again. */
const checked =
	(parse: (text: string) => Result<unknown>) =>
	(text: string): Result<string> => {
		const parsed = parse(text);
		return parsed.ok ? { ok: true, value: text } : parsed;
	};

/** What a pod may say of single keys, by the name before the dot. */
export const FAMILIES = {
	compose: {
		...KEYED,
		parse: checked(parseTemplate),
		meaning:
			'a value composed of secrets, delivered under that key; url, base64, json and shell encode a secret for the place where it stands',
		default: 'none',
		example: ['DATABASE_URL', `postgres://\${DB_USER:url}:\${DB_PASSWORD:url}@db/\${DB_NAME}`],
	} as Family<string>,
} as const;

/** The name of a family. */
export type FamilyName = keyof typeof FAMILIES;

/** What a pod says of single keys: the annotations of each family by what stands behind the dot. */
export type Members = {
	readonly [K in FamilyName]: (typeof FAMILIES)[K] extends Family<infer T> ? ReadonlyMap<string, T> : never;
};
