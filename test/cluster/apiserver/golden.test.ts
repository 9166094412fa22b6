import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { V1Pod } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Cluster } from '../../support/kubernetes/cluster.ts';
import { createPod } from '../../support/kubernetes/pods.ts';
import { describeWithServers } from '../../support/servers.ts';

const GOLDEN = join(import.meta.dirname, '../../golden');
const CASES = existsSync(GOLDEN)
	? readdirSync(GOLDEN).filter((name) => existsSync(join(GOLDEN, name, 'pod.yaml')))
	: [];

/** Makes what a pod refers to and the API server wants to see before it takes the pod. */
async function provide(cluster: Cluster, namespace: string, pod: V1Pod): Promise<void> {
	const { serviceAccountName, priorityClassName, runtimeClassName } = pod.spec ?? {};
	if (serviceAccountName !== undefined) await cluster.createServiceAccount(namespace, serviceAccountName);
	if (priorityClassName !== undefined && !priorityClassName.startsWith('system-')) {
		await cluster.request('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', {
			metadata: { name: priorityClassName },
			value: 1000,
		});
	}
	if (runtimeClassName !== undefined) {
		await cluster.request('POST', '/apis/node.k8s.io/v1/runtimeclasses', {
			metadata: { name: runtimeClassName },
			handler: runtimeClassName,
		});
	}
}

describeWithServers('golden pods, created through a real API server', ({ cluster }) => {
	test.skipIf(!existsSync(GOLDEN))('there are some', () => {
		expect(CASES).not.toEqual([]);
	});

	// Which pods are refused by us and why is what test/golden itself fixes; here counts that the API server takes all others.
	test.each(CASES)('%s: taken, or refused by us', async (name) => {
		const pod = parse(readFileSync(join(GOLDEN, name, 'pod.yaml'), 'utf8')) as V1Pod;
		const namespace = await cluster.createNamespace();
		await provide(cluster, namespace, pod);
		const { namespace: _, ...metadata } = pod.metadata ?? {};
		const { status, body } = await createPod(cluster, namespace, { ...pod, metadata });
		const refusedByUs = body.message?.startsWith('admission webhook "inject.envtier.dev" denied the request');
		expect(status === 201 || refusedByUs, `${status} ${body.message}`).toBe(true);
	});
});
