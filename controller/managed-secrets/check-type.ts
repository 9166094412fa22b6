import { err, ok, type Result } from '../../contract/result.ts';
import { enumerate } from '../../fetcher/text.ts';
import { ANSWER_LIMITS, parseJson } from '../../lib/parse/json.ts';
import { MAX_BYTES, MAX_KEYS, type SecretType } from './names.ts';
import type { SyncFailure } from './outcome.ts';

/**
 * Keys that a type needs (Kubernetes: types of Secrets): all of `all`, and one of `any` if that is not empty.
 */
const NEEDED: Readonly<
	Record<SecretType, { readonly all: readonly string[]; readonly any: readonly string[] }>
> = {
	Opaque: { all: [], any: [] },
	'kubernetes.io/tls': { all: ['tls.crt', 'tls.key'], any: [] },
	'kubernetes.io/dockerconfigjson': { all: ['.dockerconfigjson'], any: [] },
	'kubernetes.io/basic-auth': { all: [], any: ['username', 'password'] },
	'kubernetes.io/ssh-auth': { all: ['ssh-privatekey'], any: [] },
};

/** Checks that a Secret of a type may have these keys. */
export function checkKeys(type: SecretType, keys: readonly string[]): Result<void, SyncFailure> {
	const { all, any } = NEEDED[type];
	const missing = all.filter((key) => !keys.includes(key));
	if (missing.length > 0 || (any.length > 0 && !any.some((key) => keys.includes(key))))
		return err({
			reason: 'TypeUnsatisfied',
			message: `a Secret of the type ${type} needs ${enumerate(missing.length > 0 ? missing : any.map((key) => `"${key}"`))}${any.length > 0 ? ' (one of them)' : ''}`,
		});
	if (keys.length > MAX_KEYS)
		return err({
			reason: 'TooLarge',
			message: `${keys.length} keys are selected, and at most ${MAX_KEYS} fit`,
		});
	return ok(undefined);
}

/** Checks the values against the type and the size that the API server accepts. Shows none of them. */
export function checkValues(
	type: SecretType,
	values: ReadonlyMap<string, string>,
): Result<void, SyncFailure> {
	const bytes = [...values.values()].reduce((sum, value) => sum + Buffer.byteLength(value), 0);
	if (bytes > MAX_BYTES)
		return err({
			reason: 'TooLarge',
			message: `the values have ${bytes} bytes, and a Secret holds ${MAX_BYTES}`,
		});
	const config = type === 'kubernetes.io/dockerconfigjson' ? values.get('.dockerconfigjson') : undefined;
	// The API server would quote what it does not understand.
	if (config !== undefined && !parseJson(Buffer.from(config), ANSWER_LIMITS).ok)
		return err({ reason: 'TypeUnsatisfied', message: 'the value for .dockerconfigjson is not JSON' });
	return ok(undefined);
}
