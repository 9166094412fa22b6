import { expect, test } from 'vitest';
import { lookAlikes } from '../../cli/explain/look-alikes.ts';
import { envtier } from './support/command.ts';

const deployment = (annotations: object, labels: object = {}): string =>
	JSON.stringify({
		apiVersion: 'apps/v1',
		kind: 'Deployment',
		metadata: { name: 'web' },
		spec: {
			template: {
				metadata: { annotations, labels },
				spec: { containers: [{ name: 'web', image: 'web:1', securityContext: { runAsUser: 1000 } }] },
			},
		},
	});

const explain = (input: string) => envtier(['explain', '-'], { input });

test('explain names the right prefix where nothing asks for secrets, and beside what is right', async () => {
	const nothing = await explain(
		deployment({ 'envtier.io/deployment': 'shop' }, { 'envtier.dev/org': 'acme' }),
	);
	expect(nothing.code).toBe(3);
	expect(nothing.stdout).toContain(
		'annotation "envtier.io/deployment" is none of Envtier: write "envtier.dev/deployment"',
	);
	expect(nothing.stdout).toContain('label "envtier.dev/org" is not read by Envtier');
	const beside = await explain(
		deployment({ 'envtier.dev/deployment': 'shop', 'evntier.dev/service': 'web' }),
	);
	expect([beside.code, beside.stdout]).toEqual([0, expect.stringContaining('write "envtier.dev/service"')]);
});

test('at most five are named, and what is odd in them stays quoted', () => {
	const annotations = Object.fromEntries(
		Array.from({ length: 9 }, (_, i) => [`envtier.io/a${i}\u001b[2J`, 'x']),
	);
	const sentences = lookAlikes({ annotations });
	expect(sentences).toHaveLength(6);
	expect(sentences.at(-1)).toBe('and 4 more of this kind');
	expect(sentences.join('')).not.toContain('\u001b');
});

test('metadata of any shape', () => {
	for (const metadata of [undefined, null, 'x', [], { annotations: 'x', labels: [] }])
		expect(lookAlikes(metadata)).toEqual([]);
});
