import type { V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { DevVaultOptions } from '../../dev/vault/start.ts';
import { type DevVault, startDevVault } from '../../dev/vault/start.ts';
import { admit } from '../../webhook/admit.ts';
import { applied, request } from '../webhook/support/request.ts';
import { settings } from '../webhook/support/settings.ts';
import { blocksOf, pageOf } from './support/pages.ts';
import { runPod } from './support/run-pod.ts';

const page = pageOf('docs/consuming-secrets.md').text;

/** A heading with the pod under it, and what that prints. */
interface Example {
	readonly heading: string;
	readonly pod: V1Pod;
	readonly prints: string;
}

const EXAMPLES = page
	.split(/^## /m)
	.slice(1)
	.flatMap((section): Example[] => {
		const blocks = blocksOf(section);
		return blocks.flatMap((block, i) => {
			if (block.language !== 'yaml' || block.comment === 'secrets') return [];
			const next = blocks[i + 1];
			const heading = section.split('\n')[0] ?? '';
			return [{ heading, pod: parse(block.text) as V1Pod, prints: next?.text ?? '' }];
		});
	});

describe('docs/consuming-secrets.md', () => {
	let vault: DevVault;
	beforeAll(async () => {
		const block = blocksOf(page).find(({ comment }) => comment === 'secrets');
		const content = parse(block?.text ?? '') as NonNullable<DevVaultOptions['content']>;
		vault = await startDevVault({ content });
	});
	afterAll(() => vault.close());

	test('has an example of every way', () => expect(EXAMPLES.length).toBeGreaterThanOrEqual(8));

	test.for(EXAMPLES.map((example) => [example.heading, example] as const))(
		'%s: what stands there is what is printed',
		async ([, { pod, prints }]) => {
			const env = {
				ENVTIER_VAULT_ADDR: vault.addr,
				ENVTIER_VAULT_CA: vault.caPem,
				ENVTIER_NATIVE_ENV: 'true',
			};
			const decision = admit(
				request(pod, { namespace: pod.metadata?.namespace ?? 'default' }),
				settings(env).injection,
			);
			const { printed, failed } = await runPod(applied(pod, decision));
			expect(failed).toBeUndefined();
			expect(printed).toBe(prints);
		},
	);
});
