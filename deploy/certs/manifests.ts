import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { IssuedCertificate } from './issue.ts';
import { type SecretName, secretManifest } from './secret.ts';

const SHIPPED = join(import.meta.dirname, '../manifests/base/webhook-configuration.yaml');

/** The names of the webhooks in the shipped webhook configuration. */
export async function shippedWebhooks(): Promise<readonly string[]> {
	const { webhooks } = parse(await readFile(SHIPPED, 'utf8')) as { webhooks: { name: string }[] };
	return webhooks.map(({ name }) => name);
}

/**
 * YAML of the Secret and of the webhook configuration's caBundle, for `kubectl apply --server-side`. The
 * second document has no other field, so it takes ownership of no other field.
 *
 * @param webhookConfiguration webhook configuration with the names of its webhooks; undefined: only the
 * Secret
 */
export function manifests(
	secret: SecretName,
	webhookConfiguration: { readonly name: string; readonly webhooks: readonly string[] } | undefined,
	issued: IssuedCertificate,
): string {
	const caBundle = Buffer.from(issued.caPem).toString('base64');
	const trusting = webhookConfiguration && {
		apiVersion: 'admissionregistration.k8s.io/v1',
		kind: 'MutatingWebhookConfiguration',
		metadata: { name: webhookConfiguration.name },
		webhooks: webhookConfiguration.webhooks.map((name) => ({ name, clientConfig: { caBundle } })),
	};
	const documents = [secretManifest(secret, issued), ...(trusting === undefined ? [] : [trusting])];
	return documents.map((document) => stringify(document)).join('---\n');
}
