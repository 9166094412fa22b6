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

const spark = (annotations: object): string =>
	JSON.stringify({
		apiVersion: 'sparkoperator.k8s.io/v1beta2',
		kind: 'SparkApplication',
		metadata: { name: 'web' },
		spec: { driver: { annotations } },
	});

test('in a kind whose pods an operator writes the right prefix is named too', async () => {
	const alone = await explain(spark({ 'envtier.io/deployment': 'shop' }));
	expect([alone.code, alone.stdout]).toEqual([3, expect.stringContaining('write "envtier.dev/deployment"')]);
	expect(alone.stdout).toContain('spec.driver.annotations');
	const beside = await explain(spark({ 'envtier.dev/deployment': 'shop', 'evntier.dev/service': 'web' }));
	expect([beside.code, beside.stdout]).toEqual([3, expect.stringContaining('write "envtier.dev/service"')]);
});

test('labels there as well', async () => {
	const labelled = JSON.stringify({
		apiVersion: 'sparkoperator.k8s.io/v1beta2',
		kind: 'SparkApplication',
		metadata: { name: 'web' },
		spec: { driver: { labels: { 'envtier.dev/deployment': 'shop' } } },
	});
	const { code, stdout } = await explain(labelled);
	expect([code, stdout]).toEqual([3, expect.stringContaining('label "envtier.dev/deployment" is not read')]);
});

test('labels of an object itself and selectors are no pod’s', async () => {
	const labels = { 'envtier.dev/org': 'acme' };
	const policy = JSON.stringify({
		apiVersion: 'networking.k8s.io/v1',
		kind: 'NetworkPolicy',
		metadata: { name: 'web', labels },
		spec: { podSelector: {}, ingress: [{ from: [{ namespaceSelector: { matchLabels: labels } }] }] },
	});
	expect((await explain(policy)).code).toBe(2);
});

test('annotations that are others’ make no subject of such a kind', async () => {
	const { code, stderr } = await explain(spark({ 'prometheus.io/scrape': 'true' }));
	expect([code, stderr]).toEqual([2, expect.stringContaining('nothing to explain')]);
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
