import { z } from 'zod';
import {
	isTypedName,
	SECRET_TYPE_NAMES,
	type SecretTypeName,
	typedKeys,
	typeInfo,
} from '../../contract/secret-types.ts';
import { rulesOf } from '../types/types.ts';
import { description, key } from './common.ts';

const Fields = z.strictObject({
	key: key.optional(),
	type: z.enum(SECRET_TYPE_NAMES as [SecretTypeName, ...SecretTypeName[]]).optional(),
	name: z.string().max(255).optional(),
	fields: z.record(z.string(), z.unknown()).optional(),
	generate: z.union([z.literal(true), z.record(z.string(), z.unknown())]).optional(),
	description: description.default(''),
});

/**
 * A secret that a service of a template needs: a key, or a type with a name. With `generate` each deployment
 * gets values of its own. Everybody who may see a template sees this, so it holds no secret field.
 */
export const DeclaredSecret = Fields.superRefine((secret, context) => {
	const { type } = secret;
	const problems =
		type === undefined || type === 'generic' ? plainProblems(secret) : typedProblems(type, secret);
	for (const [field, message] of Object.entries(problems))
		context.addIssue({ code: 'custom', path: [field], message });
});

/** What is wrong, by field. */
type Problems = Readonly<Record<string, string>>;

function plainProblems({ key: plain, name, fields, generate }: z.output<typeof Fields>): Problems {
	const foreign = Object.entries({ name, fields, generate }).filter(([, value]) => value !== undefined);
	return {
		...(plain === undefined ? { key: 'is required, or a type and a name' } : {}),
		...Object.fromEntries(foreign.map(([field]) => [field, 'must not be there without a type'])),
	};
}

function typedProblems(
	type: SecretTypeName,
	{ key: plain, name = '', fields, generate }: z.output<typeof Fields>,
): Problems {
	const secrets = Object.keys(fields ?? {}).filter((field) => typeInfo(type).fields[field]?.secret === true);
	if (plain !== undefined) return { key: 'must not be there beside a type: it has a name' };
	if (!isTypedName(type, name))
		return { name: `must be a name that keys of the type ${type} can be made from` };
	if (secrets.length > 0)
		return { fields: `must not hold ${secrets.join(', ')}: whoever may see the template sees them` };
	if (generate === undefined)
		return fields === undefined ? {} : { fields: 'must not be there without generate' };
	const context = { name: name || type, now: new Date(), current: undefined };
	const checked = rulesOf(type)({ fields, generate }, context);
	return checked.ok ? {} : { generate: `must be possible: ${checked.error}` };
}

/** A declared secret. */
export type DeclaredSecretInput = z.output<typeof DeclaredSecret>;

/** The keys of a declared secret. A deployment may lack an optional one. */
export function declaredKeys({
	key: plain,
	type,
	name = '',
}: DeclaredSecretInput): readonly { readonly key: string; readonly optional: boolean }[] {
	if (plain !== undefined) return [{ key: plain, optional: false }];
	return type === undefined ? [] : typedKeys(type, name);
}
