import { z } from 'zod';
import { err, ok } from '../../contract/result.ts';
import { PASSWORD_LENGTH } from '../../lib/kv/rotation.ts';
import { CHARSET_NAMES } from '../../lib/passwords.ts';
import { given, mayGenerate, text, typeRules } from './type-rules.ts';

/** Options of a generated password. */
export const passwordOptions = z.strictObject({
	length: z.number().int().min(PASSWORD_LENGTH.min).max(PASSWORD_LENGTH.max).default(PASSWORD_LENGTH.default),
	charset: z.enum(CHARSET_NAMES).default('alnum'),
});

/** A password that is given, or generated when absent. */
export const password = typeRules(
	z.strictObject({ password: text().optional() }),
	passwordOptions,
	(input, context) => {
		const { fields, generate } = input;
		if (fields.password !== undefined)
			return generate === undefined ? given({ parts: { password: fields.password } }) : err(BOTH);
		if (!mayGenerate(input, context)) return err('send fields.password, or generate');
		const options = generate ?? passwordOptions.parse({});
		return ok((generators) => Promise.resolve({ parts: { password: generators.password(options) } }));
	},
);

/** The refusal of a password that is both given and to be generated. */
export const BOTH = 'fields.password and generate exclude one another';
