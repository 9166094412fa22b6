import { createGenerators } from '../../../api/types/generators.ts';
import type { CurrentSecret, TypedValues } from '../../../api/types/type-rules.ts';
import { rulesOf } from '../../../api/types/types.ts';
import type { SecretTypeName } from '../../../contract/secret-types.ts';

/** The input of a type, as a caller sends it. */
export interface Sent {
	readonly fields?: unknown;
	readonly generate?: unknown;
	readonly name?: string;
	readonly now?: Date;
	/** The secret that is changed. */
	readonly current?: CurrentSecret;
}

const generators = createGenerators();

/** Decodes and checks. Returns the values, or the refusal. */
export async function make(type: SecretTypeName, sent: Sent = {}): Promise<TypedValues | string> {
	const { fields, generate, name = 'NAME', now = new Date(), current } = sent;
	const result = rulesOf(type)({ fields, generate }, { name, now, current });
	return result.ok ? await result.value(generators) : result.error;
}

/** The values by part; fails when they are refused. */
export async function parts(type: SecretTypeName, sent: Sent = {}): Promise<Record<string, string>> {
	const made = await make(type, sent);
	if (typeof made === 'string') throw new Error(made);
	return made.parts as Record<string, string>;
}
