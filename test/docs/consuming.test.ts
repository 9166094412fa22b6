import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { DevVaultOptions } from '../../dev/vault/start.ts';
import { type DevVault, startDevVault } from '../../dev/vault/start.ts';
import { admit } from '../../webhook/admission/admit.ts';
import { envtier } from '../cli/support/command.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
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
			if (block.language !== 'yaml' || block.comment === 'secrets' || block.comment === 'sealed') return [];
			const next = blocks[i + 1];
			const heading = section.split('\n')[0] ?? '';
			return [{ heading, pod: parse(block.text) as V1Pod, prints: next?.text ?? '' }];
		});
	});

describe('docs/consuming-secrets.md', () => {
	let vault: DevVault;
	let place: Scratch;
	beforeAll(async () => {
		const block = blocksOf(page).find(({ comment }) => comment === 'secrets');
		const content = parse(block?.text ?? '') as NonNullable<DevVaultOptions['content']>;
		vault = await startDevVault({ content });
		place = await scratch('consuming');
	});
	afterAll(async () => {
		await vault.close();
		await place.remove();
	});

	test('has an example of every way', () => expect(EXAMPLES.length).toBeGreaterThanOrEqual(8));

	/** Runs what stands there for sealing, and puts what it prints where the page has its own. */
	async function withSealed(pod: V1Pod): Promise<V1Pod> {
		const blocks = blocksOf(page);
		const call = blocks.find(({ comment }) => comment === 'seals')?.text ?? '';
		const shown = blocks.find(({ comment }) => comment === 'sealed')?.text ?? '';
		const [name = '', value = ''] = Object.entries(parse(shown) as Record<string, string>)[0] ?? [];
		if (pod.metadata?.annotations?.[name] === undefined) return pod;
		expect(pod.metadata.annotations[name]).toBe(value);
		const [, input, args] = /^printf '(.*)' \| envtier (.*)$/.exec(call) ?? [];
		const ca = join(place.dir, 'ca.pem');
		await writeFile(ca, vault.caPem);
		const { stdout, stderr } = await envtier((args ?? '').split(' '), {
			input: input ?? '',
			env: { VAULT_ADDR: vault.addr, VAULT_TOKEN: vault.rootToken, VAULT_CACERT: ca },
		});
		expect(stderr).toBe('');
		const annotations = { ...pod.metadata.annotations, ...(parse(stdout) as Record<string, string>) };
		expect(Object.keys(annotations)).toEqual(Object.keys(pod.metadata.annotations));
		return { ...pod, metadata: { ...pod.metadata, annotations } };
	}

	test.for(EXAMPLES.map((example) => [example.heading, example] as const))(
		'%s: what stands there is what is printed',
		async ([, { pod: written, prints }]) => {
			const pod = await withSealed(written);
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
