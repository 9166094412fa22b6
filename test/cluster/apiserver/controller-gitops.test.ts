import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Kubectl, kubectlFor, mustKubectl } from '../../support/kubernetes/kubectl.ts';
import { preparePrograms } from '../../support/kubernetes/programs.ts';
import { putSecret } from '../../support/openbao-setup.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { type ControllerFixture, controllerFixture, type RunningController } from './support/controller.ts';
import { manifestOf, revisionNow, type TestWorkload, testWorkload } from './support/workload.ts';

const MANAGER = 'kustomize-controller';

/** How tools apply manifests again, and whether the revision in the pod template stays. */
const WAYS: readonly (readonly [string, readonly string[], boolean])[] = [
	['server-side apply', ['apply', '--server-side', '--force-conflicts', '--field-manager=argocd'], true],
	['client-side apply', ['apply'], true],
	['replace', ['replace'], false],
];

describeWithServers('tools that apply a workload again', ({ cluster }) => {
	let fixture: ControllerFixture;
	let controller: RunningController;
	let kubectl: Kubectl;
	let dir: string;
	beforeAll(async () => {
		const programs = await preparePrograms(['kubectl']);
		if (!programs.ok) throw new Error(programs.error);
		kubectl = kubectlFor(programs.value.kubectl, cluster);
		dir = await mkdtemp(join(tmpdir(), 'envtier-gitops-'));
		fixture = await controllerFixture(cluster);
		controller = await fixture.start({ ENVTIER_CONTROLLER_FIELD_MANAGER: MANAGER });
	});
	afterAll(async () => {
		await controller?.stop();
		await fixture?.remove();
		await rm(dir, { recursive: true, force: true });
	});

	const generation = async (workload: TestWorkload): Promise<number> =>
		(await workload.get()).metadata?.generation ?? 0;
	/** Waits until the controller has looked at everything twice more. */
	const polled = async (): Promise<void> => {
		const before = await fixture.polls(controller);
		await until('two more polls', async () => (await fixture.polls(controller)) > before + 6);
	};

	/** A workload that a tool has created by `args`, and that was rolled once. */
	async function rolledBy(args: readonly string[]) {
		const namespace = await cluster.createNamespace();
		const secret = `deployments/${namespace}/secrets/LEVEL`;
		await putSecret(fixture.bao, secret, 'info');
		const file = join(dir, `${namespace}.json`);
		const applyAgain = async (replicas: number): Promise<void> => {
			const manifest = manifestOf(namespace, { replicas });
			await writeFile(file, JSON.stringify(manifest));
			const verb = args[0] === 'replace' && replicas === 1 ? ['create'] : args;
			await mustKubectl(kubectl, ...verb, '-n', namespace, '-f', file);
		};
		await applyAgain(1);
		const workload = testWorkload(cluster, namespace);
		await workload.startPod(await revisionNow(fixture.bao, namespace, ['LEVEL']));
		await workload.settle();
		await until('a recorded revision', () => workload.state());
		const change = async (value: string): Promise<string> => {
			await putSecret(fixture.bao, secret, value);
			return await revisionNow(fixture.bao, namespace, ['LEVEL']);
		};
		const revision = await change('debug');
		await until('a rollout', async () => (await workload.rolled()) === revision);
		await workload.settle();
		return { namespace, workload, revision, change, applyAgain };
	}
	const reverts = (): Promise<number> =>
		fixture.counted(controller, 'envtier_controller_rollouts_total{result="reverted"}');
	const reasons = async (namespace: string): Promise<readonly string[]> => {
		const path = `/api/v1/namespaces/${namespace}/events`;
		const { body } = await cluster.request<{ items: { reason: string }[] }>('GET', path);
		return body.items.map(({ reason }) => reason);
	};

	test.for(WAYS.filter(([, , keeps]) => keeps))(
		'%s of the same or a changed manifest keeps the revision, and the controller does nothing',
		async ([, args]) => {
			const { namespace, workload, revision, applyAgain } = await rolledBy(args);
			const before = await generation(workload);
			await applyAgain(1);
			expect(await generation(workload)).toBe(before);
			await applyAgain(2);
			expect(await workload.rolled()).toBe(revision);
			expect(await workload.state()).toMatchObject({ revision, rolled: revision });
			await workload.settle({ replicas: 2, updatedReplicas: 2, readyReplicas: 2 });
			await polled();
			// The change of the replicas, and nothing of the controller.
			expect(await generation(workload)).toBe(before + 1);
			expect(await reasons(namespace)).toEqual(['SecretsChanged']);
		},
	);

	test('replace takes the revision off: an Event and a count, once, and nothing is written until the next change', async () => {
		const { namespace, workload, revision, change, applyAgain } = await rolledBy(['replace']);
		const counted = await reverts();
		const before = await generation(workload);
		await applyAgain(2);
		expect(await workload.rolled()).toBeUndefined();
		expect(await workload.state()).toBeUndefined();
		await workload.settle({ replicas: 2, updatedReplicas: 2, readyReplicas: 2 });
		await until('an Event', async () => (await reasons(namespace)).includes('RolloutReverted'));
		// The tool puts its manifest in place again and again.
		for (const replicas of [3, 4, 5]) {
			await applyAgain(replicas);
			await workload.settle({ replicas, updatedReplicas: replicas, readyReplicas: replicas });
			await polled();
		}
		expect(await generation(workload)).toBe(before + 4);
		expect(await workload.state()).toBeUndefined();
		expect((await reasons(namespace)).toSorted()).toEqual(['RolloutReverted', 'SecretsChanged']);
		expect(await reverts()).toBe(counted + 1);
		// The next change is rolled, once.
		const next = await change('warn');
		await until('a rollout', async () => (await workload.rolled()) === next);
		expect(next).not.toBe(revision);
		expect(await workload.state()).toMatchObject({ revision: next, rolled: next });
		expect(await generation(workload)).toBe(before + 5);
	});

	test('the changes of the controller have the field manager of the setting', async () => {
		const { workload } = await rolledBy(['apply']);
		const fields = (await workload.get()).metadata?.managedFields ?? [];
		const own = fields.filter(({ manager }) => manager === MANAGER);
		expect(JSON.stringify(own)).toContain('f:rollout.envtier.dev/revision');
		const others = fields.filter(({ manager }) => manager !== MANAGER);
		expect(JSON.stringify(others)).not.toContain('rollout.envtier.dev');
	});
});
