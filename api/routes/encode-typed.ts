import { typedKeys } from '../../contract/secret-types.ts';
import type { SecretSummary } from '../secrets/secrets.ts';
import type { DocumentedResponse } from '../server/operation.ts';
import type { CreatedKey } from '../typed/create.ts';
import type { TypedRequest } from '../typed/requests.ts';

/** The response to a change that another one prevents. */
export const CHANGED: DocumentedResponse = {
	description: 'the key belongs to a typed secret, which changes as a whole; or another call changes it',
	schema: 'Problem',
};

/** The reply to the creation of a typed secret: its keys, without values. */
export function encodeTyped(
	{ type, name }: TypedRequest,
	{ description, tags }: Pick<SecretSummary, 'description' | 'tags'>,
	created: readonly CreatedKey[],
	encode: (secret: Omit<SecretSummary, 'copied'>) => object,
): object {
	const keys = typedKeys(type, name);
	const secrets = created.map(({ ref, part, id, expiresAt }) => {
		const sourcing = keys.find((one) => one.part === part)?.sourcing ?? 'env';
		const typed = { type, name, sourcing, expiresAt, incomplete: undefined };
		return encode({ ...ref, id, description, tags, typed });
	});
	return { type, name, secrets };
}
