import { ok, type Result } from '../../contract/result.ts';
import type { SecretTypeName } from '../../contract/secret-types.ts';
import {
	dueAt,
	encodeRotation,
	PASSWORD_LENGTH,
	parseRotation,
	ROTATION_ENTRY,
	type Rotation,
} from '../../lib/kv/rotation.ts';
import type { PasswordOptions } from '../../lib/passwords.ts';
import { type Problem, refuse } from '../problem.ts';
import { withOwnMetadata } from '../secrets/identity.ts';
import type { SecretLocation } from '../secrets/secret-location.ts';
import type { Head } from '../store/store.ts';
import type { MetadataPatch } from './metadata.ts';
import { membershipOf } from './typed-secret.ts';

/** A rotation as a caller asks for it. */
export interface RotationRequest {
	readonly every: string;
	readonly generate?:
		| { readonly [Option in keyof PasswordOptions]?: PasswordOptions[Option] | undefined }
		| undefined;
}

const USERPASS =
	': its password belongs to an account, and only the owner of the account can change it; let Vault issue it as a lease (envtier.dev/lease)';

/** Checks that a secret of this type, at this location, can rotate. */
export function checkRotatable(type: SecretTypeName, location: SecretLocation): Result<void, Problem> {
	if (type !== 'password')
		return refuse(
			400,
			`rotation is for the type password, and this secret is of the type ${type}${type === 'userpass' ? USERPASS : ''}`,
		);
	return location.kind === 'org' || location.kind === 'deployment'
		? ok(undefined)
		: refuse(400, 'rotation is for secrets that pods read: of an organization, a deployment or a service');
}

/**
 * The metadata of a rotation.
 *
 * @param generate options with which the same call generates a value; undefined or `true`: none
 * @param current the rotation that the secret has
 */
export function rotationPatch(
	request: RotationRequest | null | undefined,
	generate: unknown,
	current?: Rotation,
): MetadataPatch {
	if (request === undefined) return {};
	if (request === null) return { [ROTATION_ENTRY]: null };
	const defaults: PasswordOptions = current?.generate ?? {
		length: PASSWORD_LENGTH.default,
		charset: 'alnum',
	};
	const ofCall = typeof generate === 'object' && generate !== null ? generate : {};
	// The rules of the type have checked the options of the call.
	const { length, charset } = request.generate ?? {};
	const options = {
		...{ ...defaults, ...ofCall },
		...(length === undefined ? {} : { length }),
		...(charset === undefined ? {} : { charset }),
	};
	return { [ROTATION_ENTRY]: encodeRotation({ every: request.every, generate: options }) };
}

/** The rotation of a secret; undefined if it has none. Metadata of a predecessor do not count. */
export function rotationOf(key: string, head: Head): Rotation | undefined {
	const own = withOwnMetadata(head);
	return membershipOf(key, own)?.type === 'password'
		? parseRotation(own.metadata[ROTATION_ENTRY])
		: undefined;
}

/** A rotation as an answer shows it. */
export interface ShownRotation extends Rotation {
	/** When the next value is due, in RFC 3339; empty for a deleted secret. */
	readonly nextAt: string;
}

/** What an answer shows of a secret's rotation; null if it has none. */
export function shownRotationOf(key: string, head: Head): ShownRotation | null {
	const rotation = rotationOf(key, head);
	if (rotation === undefined) return null;
	return { ...rotation, nextAt: head.live ? dueAt(rotation, head.writtenAt).toISOString() : '' };
}
