import { createHash } from 'node:crypto';
import type { TypedValues } from '../types/type-rules.ts';
import { groupEntry, parseGroupEntry, type TypedSecret } from './typed-secret.ts';

/** Changes of custom_metadata: a text sets, null removes. */
export type MetadataPatch = Readonly<Record<string, string | null>>;

/** Vault's limit for one value of custom_metadata, in bytes. */
const VALUE_BYTES = 512;
/** Entries for the CAs of a typed secret. Vault allows 64 entries for everything. */
const MAX_ENTRIES = 12;
const CA_ENTRIES = Array.from({ length: MAX_ENTRIES }, (_, i) => `ca_${i + 1}`);

/** The entries that a key which belongs to no typed secret does not have. */
export const UNTYPED: MetadataPatch = {
	type: null,
	name: null,
	group: null,
	request: null,
	expires_at: null,
	...Object.fromEntries(CA_ENTRIES.map((entry) => [entry, null])),
};

/** What the metadata of each key of a typed secret say about one change of it. */
export interface TypedChange {
	readonly secret: TypedSecret;
	readonly values: TypedValues;
	/** Marks the change. */
	readonly stamp: string;
	/** The number of keys. */
	readonly count: number;
	/** Identifies the request for a retry: see `requestHash`. Empty when the caller sent no key for that. */
	readonly request: string;
}

/** The metadata of one key after a change that wrote its version `version`. */
export function typedMetadata(change: TypedChange, part: string, version: number): MetadataPatch {
	const { secret, values, stamp, count, request } = change;
	return {
		...UNTYPED,
		type: secret.type,
		name: secret.name || null,
		group: groupEntry(stamp, version, count),
		request: request || null,
		expires_at: values.expiresAt?.toISOString() ?? null,
		...(part === 'caCert' ? encodeAuthorities(values.authorities ?? []) : {}),
	};
}

/** The metadata that a copy of a key of a typed secret takes along, but for its version there. */
export function copiedMetadata(metadata: Readonly<Record<string, string>>): MetadataPatch {
	if (parseGroupEntry(metadata['group']) === undefined) return UNTYPED;
	const names = ['type', 'name', 'group', 'expires_at', ...CA_ENTRIES];
	return { ...UNTYPED, ...Object.fromEntries(names.map((name) => [name, metadata[name] ?? null])) };
}

/** The same for a copy that is version `version` of its path. */
export function metadataOfCopy(copied: MetadataPatch, version: number): MetadataPatch {
	const entry = parseGroupEntry(copied['group'] ?? undefined);
	return entry === undefined ? copied : { ...copied, group: groupEntry(entry.stamp, version, entry.count) };
}

/**
 * Encodes certificates as metadata, because the API cannot read values: a renewal needs the certificates of
 * the previous CAs. They are public. Leaves out the last ones if they do not fit.
 */
function encodeAuthorities(pems: readonly string[]): MetadataPatch {
	const encoded = pems.map((pem) => pem.replace(/-----[^-]+-----|\s/g, ''));
	let text = '';
	for (const one of encoded) {
		const longer = text === '' ? one : `${text}.${one}`;
		if (longer.length > MAX_ENTRIES * VALUE_BYTES) break;
		text = longer;
	}
	return Object.fromEntries(
		CA_ENTRIES.map((entry, i) => [entry, text.slice(i * VALUE_BYTES, (i + 1) * VALUE_BYTES) || null]),
	);
}

/** The PEM certificates of the CAs in the metadata of a key. */
export function authoritiesIn(metadata: Readonly<Record<string, string>>): readonly string[] {
	const text = CA_ENTRIES.map((entry) => metadata[entry] ?? '').join('');
	return text
		.split('.')
		.filter((one) => one !== '')
		.map((one) => {
			const lines = one.match(/.{1,64}/g)?.join('\n');
			return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
		});
}

/**
 * Identifies the request of a caller in metadata. The key that the caller chose is hashed together with the
 * caller, so that it means nothing in the request of another one.
 */
export function requestHash(
	subject: string,
	operation: 'create' | 'change',
	idempotencyKey: string | undefined,
): string {
	if (idempotencyKey === undefined) return '';
	return createHash('sha256')
		.update(`${operation}\n${subject}\n${idempotencyKey}`)
		.digest('base64url')
		.slice(0, 32);
}
