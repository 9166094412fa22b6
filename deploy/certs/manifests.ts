import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { Issued } from './issue.ts';
import { type SecretName, secretManifest } from './secret.ts';

const SHIPPED = join(import.meta.dirname, '../manifests/base/registration.yaml');

/** The names of the webhooks in the registration that ships. */
export async function shippedWebhooks(): Promise<readonly string[]> {
	const { webhooks } = parse(await readFile(SHIPPED, 'utf8')) as { webhooks: { name: string }[] };
	return webhooks.map(({ name }) => name);
}

/**
 * YAML of the Secret and of what the registration must trust, for `kubectl apply --server-side`: the second names nothing
 * of the registration but its caBundle, and so takes nothing else over.
 *
 * @param registration with the names of its webhooks; undefined: the Secret alone
 */
export function manifests(
	secret: SecretName,
	registration: { readonly name: string; readonly webhooks: readonly string[] } | undefined,
	issued: Issued,
): string {
	const caBundle = Buffer.from(issued.caPem).toString('base64');
	const trusting = registration && {
		apiVersion: 'admissionregistration.k8s.io/v1',
		kind: 'MutatingWebhookConfiguration',
		metadata: { name: registration.name },
		webhooks: registration.webhooks.map((name) => ({ name, clientConfig: { caBundle } })),
	};
	const documents = [secretManifest(secret, issued), ...(trusting === undefined ? [] : [trusting])];
	return documents.map((document) => stringify(document)).join('---\n');
}
