import { z } from 'zod';
import { isKey, KEY_RULE } from '../../contract/keys.ts';
import { NAME_MAX, NAME_RULE, parseName } from '../../contract/names.ts';
import { KEY_MAX } from '../../contract/secret-types.ts';

/** Vault's limit for one value of custom_metadata. */
const DESCRIPTION_BYTES = 512;

/** The name of an organization, deployment, service or template. */
export const name = z
	.string()
	.refine((text) => parseName(text).ok, { error: `must be ${NAME_RULE}` })
	.meta({
		pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
		maxLength: NAME_MAX,
	});

/** The key of a secret. */
export const key = z
	.string()
	.refine((text) => isKey(text) && text.length <= KEY_MAX, {
		error: `must be ${KEY_RULE}, at most ${KEY_MAX} characters`,
	})
	.meta({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$', maxLength: KEY_MAX });

/** The purpose of a secret. Stored in Vault's custom_metadata, which has its own limits. */
export const description = z
	.string()
	.refine((text) => Buffer.byteLength(text) <= DESCRIPTION_BYTES && isPrintable(text), {
		error: `must be one line of printable text, at most ${DESCRIPTION_BYTES} bytes`,
	})
	.meta({ maxLength: DESCRIPTION_BYTES });

/** The same as Go's unicode.IsPrint, which Vault uses. */
function isPrintable(text: string): boolean {
	return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(text);
}

/** The value of a secret that a pod can receive. */
export const value = z
	.string()
	.refine((text) => text !== '', { error: 'must not be empty' })
	.refine((text) => !text.includes('\0'), { error: 'must not hold a NUL character: no pod could receive it' })
	.refine((text) => text.isWellFormed(), {
		error: 'must be well-formed Unicode: a surrogate stands alone in it',
	})
	.meta({ minLength: 1, writeOnly: true });

/** The id of a secret, from a list. */
export const id = z.string().min(1, { error: 'must not be empty' }).max(4096);

/** True when the caller confirms a key that makes programs run code (`codeEffectOf`). */
export const force = z.boolean().default(false).meta({
	description:
		'true creates a key although it is the name of a variable that makes programs run code, such as NODE_OPTIONS',
});

/** The body of every error. */
export const Problem = z.strictObject({
	error: z.string().meta({ description: 'a sentence for a person' }),
	cells: z
		.array(
			z.strictObject({
				index: z.number().int().meta({ description: 'the place of the change in the call' }),
				conflict: z.boolean().meta({ description: 'true: somebody else was faster' }),
				message: z.string(),
			}),
		)
		.optional()
		.meta({ description: 'of a call with many changes: why each of those is not possible' }),
});

/** One sentence for each of the first few errors of a body or query. Quotes names of fields only. */
export function validationMessage(error: z.ZodError): string {
	const sentences = error.issues.slice(0, 20).map((issue) => {
		const where = issue.path.map((part) => String(part).slice(0, 64)).join('.');
		if (issue.code === 'unrecognized_keys') {
			const unknown = issue.keys.slice(0, 5).map((field) => JSON.stringify(field.slice(0, 64)));
			return `${where === '' ? '' : `${where}: `}unknown field ${unknown.join(', ')}`;
		}
		if (
			issue.code === 'invalid_type' &&
			issue.input === undefined &&
			!/received (?!undefined)/.test(issue.message)
		)
			return `${where || 'the body'} is required`;
		return `${where || 'the body'} ${/^must/.test(issue.message) ? issue.message : lower(issue.message)}`;
	});
	return [...new Set(sentences)].slice(0, 5).join('; ');
}

function lower(message: string): string {
	return message.replace(/^Invalid input: expected /, 'must be of type ').replace(/, received .*$/, '');
}
