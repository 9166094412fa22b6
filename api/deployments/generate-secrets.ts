import { ok, type Result } from '../../contract/result.ts';
import type { SecretTypeName } from '../../contract/secret-types.ts';
import { mapAtMost } from '../concurrency.ts';
import type { Problem } from '../problem.ts';
import { folderOf, pathOf, type SecretRef } from '../secrets/secret-location.ts';
import { newStamp } from '../secrets/secrets.ts';
import type { Store } from '../store/store.ts';
import type { StoredTemplate } from '../templates/templates.ts';
import { refsOf, type TypedSecret } from '../typed/typed-secret.ts';
import { writeNewKey } from '../typed/write.ts';
import type { Generators } from '../types/generators.ts';
import type { TypedValues } from '../types/type-rules.ts';
import { rulesOf } from '../types/types.ts';
import { type AttemptContext, refuseBusy } from './attempt.ts';
import { deploymentLocation } from './copy-secrets.ts';

/** Maximum number of concurrent requests to the store. */
const AT_ONCE = 8;

/** A typed secret that a template declares with `generate`, with new values for one deployment. */
export interface GeneratedSecret {
	readonly secret: TypedSecret;
	readonly serviceName: string;
	readonly description: string;
	readonly values: TypedValues;
	readonly keys: readonly { readonly part: string; readonly ref: SecretRef }[];
}

/** Makes the values of all secrets that a template declares with `generate`. */
export async function generateSecrets(
	deployment: string,
	{ services }: Pick<StoredTemplate, 'services'>,
	generators: Generators,
	now: Date,
): Promise<readonly GeneratedSecret[]> {
	const made: GeneratedSecret[] = [];
	for (const { name: serviceName, secrets } of services)
		for (const { type, name = '', fields, generate, description } of secrets) {
			if (type === undefined || generate === undefined) continue;
			const values = await valuesOf(type, { name, fields, generate }, generators, now);
			const secret = { location: deploymentLocation(deployment, serviceName), type, name };
			const keys = refsOf(secret, (part) => part in values.parts);
			made.push({ secret, serviceName, description, values, keys });
		}
	return made;
}

async function valuesOf(
	type: SecretTypeName,
	{ name, ...input }: { readonly name: string; readonly fields: unknown; readonly generate: unknown },
	generators: Generators,
	now: Date,
): Promise<TypedValues> {
	const plan = rulesOf(type)(input, { name: name || type, now, current: undefined });
	// The same rules accepted the template.
	if (!plan.ok) throw new Error(`a template declares a ${type} that cannot be generated`);
	return await plan.value(generators);
}

/**
 * Writes generated secrets, and audits each key. Refuses if there is a secret at one of their paths. Undone
 * as copies are: by the attempt in their metadata.
 */
export async function writeGenerated(
	store: Store,
	secrets: readonly GeneratedSecret[],
	context: AttemptContext,
): Promise<Result<void, Problem>> {
	const { attempt, step } = context;
	const writes = secrets.flatMap(({ secret, values, description, keys }) => {
		const change = { secret, values, stamp: newStamp(), count: keys.length, request: '' };
		const creation = { change, description, attempt: attempt.id, auditStamp: context, check: attempt.check };
		return keys.map(({ part, ref }) => ({ part, ref, value: values.parts[part] ?? '', creation }));
	});
	const written = await mapAtMost(AT_ONCE, writes, async ({ part, ref, value, creation }) => {
		const head = await store.head(pathOf(ref));
		return await step(
			'deployments.create',
			{ scope: folderOf(ref.location), key: ref.key },
			() => writeNewKey(store, { ref, part, value, head }, creation),
			(id) => (id === undefined ? 409 : 201),
		);
	});
	return written.includes(undefined) ? refuseBusy() : ok(undefined);
}
