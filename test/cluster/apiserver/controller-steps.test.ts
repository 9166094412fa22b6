import { afterAll, beforeAll, expect, test } from 'vitest';
import {
	type ApiFault,
	type ApiRequest,
	type FaultyApiServer,
	startFaultyApiServer,
} from '../../support/kubernetes/faulty-apiserver.ts';
import { putSecret } from '../../support/openbao-setup.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { type ControllerFixture, controllerFixture, type RunningController } from './support/controller.ts';
import { followTemplate } from './support/templates.ts';
import { makeWorkload, revisionNow } from './support/workload.ts';

/** A request about the workload of a test, in the order in which a rollout sends them. */
const STEPS: readonly (readonly [string, (request: ApiRequest, nth: number) => boolean])[] = [
	['the record that a change waits', isPatch(1)],
	['the last look at the pods', isList(1)],
	['the change of the pod template', isPatch(2)],
	['the Event', ({ method, path }) => method === 'POST' && path.endsWith('/events')],
];

function isPatch(which: number) {
	return ({ method, path }: ApiRequest, nth: number): boolean =>
		method === 'PATCH' && path.endsWith('/deployments/web') && nth === which;
}

function isList(which: number) {
	return ({ method, path }: ApiRequest, nth: number): boolean =>
		method === 'GET' && path.endsWith('/pods') && nth === which;
}

const MOMENTS = ['before', 'after'] as const;

describeWithServers('a controller that is killed at each step of a rollout', ({ cluster }) => {
	let fixture: ControllerFixture;
	let proxy: FaultyApiServer;
	beforeAll(async () => {
		fixture = await controllerFixture(cluster);
		proxy = await startFaultyApiServer(cluster);
	});
	afterAll(async () => {
		await proxy?.[Symbol.asyncDispose]();
		await fixture?.remove();
	});

	/** The Lease of a controller that was killed is taken after 15 s: each one here has a Lease of its own. */
	const start = async (): Promise<RunningController> => {
		const namespace = await cluster.createNamespace();
		await fixture.mayLead(namespace);
		return await fixture.start({
			ENVTIER_CONTROLLER_NAMESPACE: namespace,
			ENVTIER_CONTROLLER_KUBECONFIG: await fixture.kubeconfig(proxy),
		});
	};

	test.for(STEPS.flatMap(([step, matches]) => MOMENTS.map((moment) => ({ step, moment, matches }))))(
		'$moment $step: one rollout',
		async ({ matches, moment }) => {
			const namespace = await cluster.createNamespace();
			const secret = `deployments/${namespace}/secrets/LEVEL`;
			await putSecret(fixture.bao, secret, 'info');
			const workload = await makeWorkload(cluster, namespace);
			await workload.startPod(await revisionNow(fixture.bao, namespace, ['LEVEL']));
			await workload.settle();
			proxy.setFault(() => ({ kind: 'pass' }));
			const first = await start();
			await until('a recorded revision', () => workload.state());
			const template = await followTemplate(cluster, `/apis/apps/v1/namespaces/${namespace}/deployments`);

			const killed = Promise.withResolvers<void>();
			const kill = async (): Promise<void> => {
				await first.process.stop(0);
				killed.resolve();
			};
			const counts = new Map<string, number>();
			let over = false;
			proxy.setFault(async (request): Promise<ApiFault> => {
				if (over || !request.path.includes(`/namespaces/${namespace}/`)) return { kind: 'pass' };
				const kind = `${request.method} ${request.path}`;
				const nth = (counts.get(kind) ?? 0) + 1;
				counts.set(kind, nth);
				if (!matches(request, nth)) return { kind: 'pass' };
				over = true;
				if (moment === 'after') return { kind: 'lost', served: kill };
				await kill();
				return { kind: 'answer', status: 500 };
			});
			await putSecret(fixture.bao, secret, 'debug');
			await killed.promise;

			const seen = proxy.requests.length;
			const second = await start();
			const revision = await until('the rollout', () => workload.rolled());
			expect(revision).toBe(await revisionNow(fixture.bao, namespace, ['LEVEL']));
			await workload.settle();
			// The next controller has looked at the settled workload, and at Vault.
			const looks = () => proxy.requests.slice(seen).filter(({ path }) => path.endsWith(`${namespace}/pods`));
			await until('looks at the pods', () => looks().length > 0);
			await until('two more polls', async () => (await fixture.polls(second)) > 4);
			expect(template.changes()).toBe(1);
			template.close();
			expect(await workload.state()).toMatchObject({ revision });
			expect((await workload.state())?.['pending']).toBeUndefined();
			await second.process.stop(0);
		},
	);
});
