import { z } from 'zod';
import { err, ok, type Result } from '../../contract/result.ts';
import { validationMessage } from '../schemas/common.ts';
import type { Generators } from './generators.ts';

/** The fields and the options of the generation, as a caller sent them. */
export interface RawInput {
	readonly fields: unknown;
	/** `true` stands for no options. Undefined: the caller asked for no generation. */
	readonly generate: unknown;
}

/** What the rules of a type know besides the input. */
export interface TypeContext {
	/** NAME, for names inside of what is generated. */
	readonly name: string;
	readonly now: Date;
	/** The secret that is changed; undefined for a new one. */
	readonly current: CurrentSecret | undefined;
}

/** What is known about the secret that is changed: nothing of its values but public certificates. */
export interface CurrentSecret {
	/** The parts that it has. */
	readonly parts: ReadonlySet<string>;
	/** PEM certificates of the CAs that its readers trust, the newest first. */
	readonly authorities: readonly string[];
}

/** The values of a typed secret. */
export interface TypedValues {
	/** The value of each part; null keeps the value that the secret has. */
	readonly parts: Readonly<Record<string, string | null>>;
	/** When the first of its certificates ends. */
	readonly expiresAt?: Date | undefined;
	/** PEM certificates of the CAs that its readers trust, the newest first. */
	readonly authorities?: readonly string[];
}

/** Makes the values. Everything was checked before; it rejects only for defects. */
export type MakeValues = (generators: Generators) => Promise<TypedValues>;

/**
 * The rules of one type: decodes and checks the input, without I/O, and returns the function that makes the
 * values. The error is a sentence for the caller. It quotes no value.
 */
export type TypeRules = (input: RawInput, context: TypeContext) => Result<MakeValues>;

/** The decoded input of a type. */
export interface TypeInput<F, G> {
	readonly fields: F;
	/** Undefined when the caller asked for no generation. */
	readonly generate: G | undefined;
}

/** Makes the rules of a type from its schemas and its decision. */
export function typeRules<F extends z.ZodType, G extends z.ZodType>(
	fields: F,
	generate: G | undefined,
	decide: (input: TypeInput<z.output<F>, z.output<G>>, context: TypeContext) => Result<MakeValues>,
): TypeRules {
	const schema = z.object({ fields, generate: (generate ?? z.never()).optional() });
	return ({ fields: given = {}, generate: options }, context) => {
		if (generate === undefined && options !== undefined)
			return err('generate is not possible for this type: send its fields');
		const input = { fields: given, generate: options === true ? {} : options };
		const parsed = schema.safeParse(input, { reportInput: true });
		if (!parsed.success) return err(validationMessage(parsed.error));
		return decide(parsed.data as TypeInput<z.output<F>, z.output<G>>, context);
	};
}

/** True when missing values may be generated: for a new secret, or when the caller asks for it. */
export function mayGenerate({ generate }: TypeInput<unknown, unknown>, { current }: TypeContext): boolean {
	return current === undefined || generate !== undefined;
}

/** Values that need no generation. */
export function given(values: TypedValues): Result<MakeValues> {
	return ok(() => Promise.resolve(values));
}

/** Maximum size of one field, in bytes. */
const FIELD_BYTES = 128 * 1024;

/**
 * A text that a pod can receive.
 *
 * @param most maximum size in bytes
 */
export function text(most: number = FIELD_BYTES) {
	return z
		.string()
		.refine((value) => value !== '', { error: 'must not be empty' })
		.refine((value) => !value.includes('\0'), { error: 'must not hold a NUL character' })
		.refine((value) => value.isWellFormed(), { error: 'must be well-formed Unicode' })
		.refine((value) => Buffer.byteLength(value) <= most, { error: `must have at most ${most} bytes` });
}

/** A text in one line of printable ASCII without blanks, such as the id of an access key. */
export function word(most: number) {
	return z.string().regex(new RegExp(`^[!-~]{1,${most}}$`), {
		error: `must be 1 to ${most} printable ASCII characters without blanks`,
	});
}
