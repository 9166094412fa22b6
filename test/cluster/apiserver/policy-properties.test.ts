import type { V1Pod } from '@kubernetes/client-node';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { leftToWebhook } from '../../../policy/plain-pod.ts';
import { admit } from '../../../webhook/admission/admit.ts';
import { pods } from '../../policy/support/pods.ts';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { createPod, injectedInto } from '../../support/kubernetes/pods.ts';
import { applyPolicies, describeWithPolicies } from '../../support/kubernetes/policy.ts';
import { policyKubernetes } from '../../support/kubernetes/versions.ts';
import { applied, request } from '../../webhook/support/request.ts';
import { settings } from '../../webhook/support/settings.ts';
import { provide } from './support/golden.ts';
import { comparable, sorted } from './support/pods-alike.ts';

const RUNS = 60;
const NAMESPACE = 'shop';
/** Of a pod that the API server finds invalid, or whose decision depends on more than the pod. */
const NOT_COMPARED = /is invalid: |cannot be handled as a Pod|\(tier-without-name\)$/;

const describePolicies = await describeWithPolicies();

describePolicies(`generated pods on Kubernetes ${policyKubernetes().version}`, () => {
	let cluster: ApiServer;
	beforeAll(async () => {
		const started = await startApiServer([], policyKubernetes());
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		await applyPolicies(cluster);
		await cluster.createNamespace({ name: NAMESPACE });
	});
	afterAll(() => cluster?.stop());

	const create = (namespace: string, pod: V1Pod) => createPod(cluster, namespace, pod, 'dryRun=All');

	test('the policy alone makes the webhook’s pod of it, or refuses it', async () => {
		let compared = 0;
		await fc.assert(
			fc.asyncProperty(pods, async (generated) => {
				const pod = withItsVolumes(generated as unknown as V1Pod);
				await provide(cluster, NAMESPACE, pod);
				const made = await create(NAMESPACE, pod);
				const decision = admit(request(pod), settings().injection);
				if (NOT_COMPARED.test(made.body.message ?? '')) return;
				const served = decision.kind === 'inject' && leftToWebhook(pod, decision.plan) === undefined;
				if (!served) return left(made, decision.kind === 'skip');
				expect(made.status, made.body.message).toBe(201);
				// What the API server makes of the webhook's pod, where nobody looks at it.
				await provide(cluster, 'envtier-system', pod);
				const expected = await create('envtier-system', applied(pod, decision));
				expect(sorted(comparable(made.body))).toEqual(sorted(comparable(expected.body)));
				compared += 1;
			}),
			{ numRuns: RUNS },
		);
		expect(compared).toBeGreaterThan(0);
	});
});

/** A pod that the policy leaves is refused here, unless it opts out. */
function left({ status, body }: Awaited<ReturnType<typeof createPod>>, skipped: boolean): void {
	expect([status, injectedInto(body)]).toEqual([skipped ? 201 : 422, []]);
}

/** The pod with a volume for each mount that names none. */
function withItsVolumes(pod: V1Pod): V1Pod {
	const { containers = [], initContainers = [], volumes = [] } = pod.spec ?? {};
	const there = new Set(volumes.map(({ name }) => name));
	const mounted = [...containers, ...initContainers].flatMap(({ volumeMounts = [] }) =>
		volumeMounts.map(({ name }) => name),
	);
	const missing = [...new Set(mounted)].filter((name) => !there.has(name));
	return {
		...pod,
		spec: {
			...pod.spec,
			containers,
			volumes: [...volumes, ...missing.map((name) => ({ name, emptyDir: {} }))],
		},
	};
}
