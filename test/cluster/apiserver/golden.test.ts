import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { V1Pod } from '@kubernetes/client-node';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { goldenCases } from '../../golden/cases.ts';
import type { Cluster } from '../../support/kubernetes/cluster.ts';
import { createPod, injectedInto } from '../../support/kubernetes/pods.ts';
import { describeWithServers } from '../../support/servers.ts';
import { provide } from './support/golden.ts';
import { expectTaken, hasNativeVariables, hasRestartRules, minorOf } from './support/version.ts';

const CASES = goldenCases().map((golden) => ({
	...golden,
	expected: parse(readFileSync(join(golden.folder, 'expected.yaml'), 'utf8')) as Expected,
}));

const STATUS = 'envtier.dev/status';

/** What test/golden fixes for each pod. */
type Expected = { readonly kind: 'inject'; readonly pod: V1Pod } | { readonly kind: 'skip' | 'reject' };

/** Creates a golden pod in a namespace of its own choice, whatever namespace it names. */
async function create(cluster: Cluster, namespace: string, { metadata, ...pod }: V1Pod, query?: string) {
	await provide(cluster, namespace, pod);
	const { namespace: _, ...rest } = metadata ?? {};
	return createPod(cluster, namespace, { ...pod, metadata: rest }, query);
}

describeWithServers('golden pods on a real API server', ({ cluster }) => {
	test('there are some', () => {
		expect(CASES).not.toEqual([]);
	});

	// Cases without a request or settings of their own, and without an injection under other settings: only
	// those can be compared with the shared webhook.
	const comparable = CASES.filter(
		({ request, settings, namespace, pod }) =>
			[request, settings, namespace].every(isEmpty) &&
			!(STATUS in ((pod as V1Pod).metadata?.annotations ?? {})),
	);
	test.each(comparable)('created as it was written: $sentence', async ({ pod, expected }) => {
		const namespace = await cluster.createNamespace();
		const { status, body } = await create(cluster, namespace, pod as V1Pod);
		if (expected.kind === 'reject') {
			expect(body.message).toMatch(/^admission webhook "inject\.envtier\.dev" denied the request/);
			return;
		}
		expect(status, body.message).toBe(201);
		expect(injectedInto(body).length > 0).toBe(expected.kind === 'inject');
	});

	test('a pod too large for a folder, 6,000 variables from a Secret: injected, with all of them', async () => {
		const namespace = await cluster.createNamespace();
		const env = Array.from({ length: 6000 }, (_, i) => ({
			name: `APPLICATION_SETTING_${i}`,
			valueFrom: { secretKeyRef: { name: 'shop', key: `APPLICATION_SETTING_${i}` } },
		}));
		const metadata = { name: 'large', annotations: { 'envtier.dev/deployment': 'shop' } };
		const spec = {
			containers: [{ name: 'web', image: 'web:1', securityContext: { runAsUser: 1000 }, env }],
		};
		const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec };
		const { status, body } = await create(cluster, namespace, pod);
		expect(status, body.message).toBe(201);
		expect(injectedInto(body)).toHaveLength(1);
		expect(body.spec?.containers[0]?.env?.filter(({ valueFrom }) => valueFrom?.secretKeyRef)).toHaveLength(
			6000,
		);
		expect(JSON.stringify(body.metadata?.managedFields).length).toBeGreaterThan(400_000);
	});

	// In a namespace that the webhook configuration excludes, so that only the API server checks the pod.
	const injected = CASES.flatMap(({ sentence, expected }) =>
		expected.kind === 'inject' ? [{ sentence, pod: expected.pod }] : [],
	);
	describe('what injection makes of it is accepted', () => {
		const namespace = 'envtier-system';
		let minor: number;
		beforeAll(async () => {
			await cluster.createNamespace({ name: namespace });
			minor = await minorOf(cluster);
		});

		const depends = (pod: V1Pod) => hasNativeVariables(pod) || hasRestartRules(pod);
		test.each(injected.filter(({ pod }) => !depends(pod)))('$sentence', async ({ pod }) => {
			const { status, body } = await create(cluster, namespace, pod, 'dryRun=All');
			expect(status, body.message).toBe(201);
		});

		const newer = injected.filter(({ pod }) => depends(pod));
		test.each(newer)('from Kubernetes 1.35 or 1.36 on: $sentence', async ({ pod }) => {
			expectTaken(pod, await create(cluster, namespace, pod, 'dryRun=All'), minor);
		});
	});
});

function isEmpty(object: object): boolean {
	return Object.keys(object).length === 0;
}
