import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { type Cluster, expectStatus } from './cluster.ts';

const MANIFESTS = join(import.meta.dirname, '../../../deploy/manifests');

/** An object of a manifest. */
export interface ManifestObject {
	readonly apiVersion: string;
	readonly kind: string;
	readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** The objects of a shipped file, below deploy/manifests. */
export async function shippedObjects(file: string): Promise<readonly ManifestObject[]> {
	return parseAllDocuments(await readFile(join(MANIFESTS, file), 'utf8')).map(
		(document) => document.toJS() as ManifestObject,
	);
}

const PLURALS: Readonly<Record<string, string>> = {
	ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
};

/** Creates an object, or leaves the one that is there. */
export async function createObject(cluster: Cluster, object: ManifestObject): Promise<void> {
	const { apiVersion, kind, metadata } = object;
	const base = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
	const scope = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
	const plural = PLURALS[kind] ?? `${kind.toLowerCase()}s`;
	const made = await cluster.request('POST', `${base}${scope}/${plural}`, object);
	if (made.status !== 409) expectStatus(made, 201, `creating ${kind} ${metadata.name}`);
}
