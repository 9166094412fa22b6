import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1MutatingWebhookConfiguration } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { ROOT } from './programs.ts';

/** The webhook's name in the shipped manifests. An API server prints it in front of every refusal. */
export async function registeredName(): Promise<string> {
	const file = 'deploy/manifests/base/webhook-configuration.yaml';
	const { webhooks } = parse(await readFile(join(ROOT, file), 'utf8')) as V1MutatingWebhookConfiguration;
	const name = webhooks?.[0]?.name;
	if (name === undefined) throw new Error(`${file} registers no webhook`);
	return name;
}
