import { type Json, list, object, text } from '../../lib/json.ts';
import { KEYS_ANNOTATION, MANAGED_LABEL, OWNER_ANNOTATION } from './names.ts';

/** A Secret as it is in the cluster. */
export interface LiveSecret {
	readonly uid: string;
	readonly version: string;
	readonly type: string;
	readonly immutable: boolean;
	/** Whether somebody deletes it and a finalizer still holds it. */
	readonly deleted: boolean;
	readonly labels: Readonly<Record<string, string>>;
	readonly annotations: Readonly<Record<string, string>>;
	/** UIDs of its owners. */
	readonly owners: readonly string[];
	/** Values in base64. */
	readonly data: Readonly<Record<string, string>>;
}

/** Reads a Secret of the API server. */
export function liveSecretOf(body: unknown): LiveSecret {
	const secret = object(body) ?? {};
	const metadata = object(secret['metadata']) ?? {};
	return {
		uid: text(metadata['uid']) ?? '',
		version: text(metadata['resourceVersion']) ?? '',
		type: text(secret['type']) ?? 'Opaque',
		immutable: secret['immutable'] === true,
		deleted: metadata['deletionTimestamp'] !== undefined,
		labels: textsOf(metadata['labels']),
		annotations: textsOf(metadata['annotations']),
		owners: list(metadata['ownerReferences']).map((owner) => text(object(owner)?.['uid']) ?? ''),
		data: textsOf(secret['data']),
	};
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
	const fields: Json = object(value) ?? {};
	return Object.fromEntries(
		Object.entries(fields).flatMap(([name, one]) => (typeof one === 'string' ? [[name, one]] : [])),
	);
}

/** Whether a ManagedSecret of this name owns a Secret. */
export function isOwner(
	{ annotations, labels }: Pick<LiveSecret, 'annotations' | 'labels'>,
	name: string,
): boolean {
	return labels[MANAGED_LABEL] === 'true' && annotations[OWNER_ANNOTATION] === name;
}

/** The keys that the ManagedSecret has written. */
export function ownKeys({ annotations }: LiveSecret): ReadonlySet<string> {
	return new Set((annotations[KEYS_ANNOTATION] ?? '').split(',').filter((key) => key !== ''));
}
