import { z } from 'zod';
import { err, ok, type Result } from '../../contract/result.ts';
import type { Generators } from './generators.ts';
import { BOTH, passwordOptions } from './password.ts';
import {
	type MakeValues,
	mayGenerate,
	type TypeContext,
	type TypeInput,
	text,
	typeRules,
} from './type-rules.ts';

/** bcrypt ignores all bytes after these. */
const BCRYPT_BYTES = 72;
/** Apache’s limit for a user name in a file of passwords. */
const USERNAME_BYTES = 255;

const Fields = z.strictObject({
	username: text(USERNAME_BYTES)
		.refine((name) => !/[:\r\n]/.test(name), { error: 'must not hold ":" or a line break' })
		.optional(),
	password: text().optional(),
	htpasswd: z.boolean().optional(),
});

type Input = TypeInput<z.output<typeof Fields>, z.output<typeof passwordOptions>>;

/** A user name and a password. The password is generated when absent. */
export const userpass = typeRules(Fields, passwordOptions, decide);

function decide(input: Input, context: TypeContext): Result<MakeValues> {
	const { fields, generate } = input;
	const { username = null, password } = fields;
	const had = context.current?.parts.has('htpasswd');
	const { htpasswd = had ?? false } = fields;
	if (password !== undefined && generate !== undefined) return err(BOTH);
	if (username === null && context.current === undefined) return err('fields.username is required');
	if (username === null && htpasswd)
		return err('fields.username is required: NAME_HTPASSWD holds it too, and the API cannot read it');
	if (password === undefined && !mayGenerate(input, context)) return err('send fields.password, or generate');
	const options = generate ?? passwordOptions.parse({});
	if (htpasswd && (password === undefined ? options.length : Buffer.byteLength(password)) > BCRYPT_BYTES)
		return err(`with htpasswd the password must have at most ${BCRYPT_BYTES} bytes: bcrypt ignores the rest`);
	return ok(async (generators) => {
		const value = password ?? generators.password(options);
		const line = htpasswd && username !== null ? await lineOf(username, value, generators) : undefined;
		return {
			parts: { username, password: value, ...(line === undefined ? {} : { htpasswd: line }) },
		};
	});
}

async function lineOf(username: string, password: string, { hash }: Generators): Promise<string> {
	return `${username}:${await hash(password)}`;
}
