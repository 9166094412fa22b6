import { KubeConfig, type KubernetesObject } from '@kubernetes/client-node';
import fc from 'fast-check';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { revisionMessage } from '../../../contract/refresh.ts';
import { type Rollouts, startRollouts } from '../../../controller/rollouts/rollouts.ts';
import { parseState, type RolloutState } from '../../../controller/rollouts/state.ts';
import { openMetadata } from '../../../controller/vault/metadata.ts';
import { openFolders } from '../../../controller/vault/poll.ts';
import { kubernetesClient } from '../../../lib/kubernetes/client.ts';
import { openVaultClient } from '../../../lib/vault/client.ts';
import { responseOf } from '../../../lib/vault/response.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import {
	type ApiFault,
	type ApiRequest,
	type FaultyApiServer,
	startFaultyApiServer,
} from '../../support/kubernetes/faulty-apiserver.ts';
import { MAIN } from '../../support/kubernetes/pods.ts';
import { putSecret } from '../../support/openbao-setup.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { type ControllerFixture, controllerFixture } from './support/controller.ts';
import { followTemplate } from './support/templates.ts';
import { revisionNow } from './support/workload.ts';

/** Clusters that are generated; each takes about 20 s. */
const RUNS = Number(process.env['ENVTIER_TEST_FUZZ_RUNS'] ?? 2);

const KINDS = {
	Deployment: { plural: 'deployments', block: { paused: true }, more: {} },
	StatefulSet: {
		plural: 'statefulsets',
		block: { updateStrategy: { type: 'OnDelete' } },
		more: { serviceName: 'x' },
	},
	DaemonSet: { plural: 'daemonsets', block: { updateStrategy: { type: 'OnDelete' } }, more: {} },
} as const;
/** Pauses after faults grow. */
const WAIT = { timeoutMs: 60_000 };
const MERGE = { contentType: 'application/merge-patch+json' };

/** One generated workload. */
interface Plan {
	readonly kind: keyof typeof KINDS;
	/** Whether it asks for rollouts, and how it does not. */
	readonly asks: 'rollout' | 'nothing' | 'opted out' | 'no annotations';
	readonly blocked: boolean;
	readonly pods: number;
	/** Whether its pods tell the revision that they read. */
	readonly tells: boolean;
	readonly selection: Readonly<Record<string, string>>;
	/** What somebody has written into the controller's annotation. */
	readonly note: string | undefined;
	/** Whether its secrets change in the first and in the second round. */
	readonly changes: readonly [boolean, boolean];
}

const plans = fc.record<Plan>({
	kind: fc.constantFrom('Deployment', 'StatefulSet', 'DaemonSet'),
	asks: fc.oneof(
		{ weight: 3, arbitrary: fc.constant('rollout' as const) },
		fc.constantFrom('nothing' as const, 'opted out' as const, 'no annotations' as const),
	),
	blocked: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
	pods: fc.integer({ min: 0, max: 3 }),
	tells: fc.boolean(),
	selection: fc.constantFrom({}, { 'envtier.dev/keys': 'LEVEL' }, { 'envtier.dev/require': 'LEVEL' }),
	note: fc.constantFrom(undefined, undefined, '', '{', '[]', '{"inputs":1}', '{"revision":"v1:x"}'),
	changes: fc.tuple(fc.boolean(), fc.boolean()),
});

type FaultName = 'pass' | '409' | '410' | '429' | '500' | 'lost' | 'stale' | 'drop';
const faults = fc.array(
	fc.oneof(
		{ weight: 2, arbitrary: fc.constant<FaultName>('pass') },
		fc.constantFrom<FaultName>('409', '410', '429', '500', 'lost', 'stale', 'drop'),
	),
	{ minLength: 5, maxLength: 40 },
);

describeWithServers('rollouts of generated workloads on a faulty API server', ({ cluster }) => {
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

	/** The reconciler in this process, with the account that ships and through the proxy. */
	async function startReconciler(resync = 600_000): Promise<Rollouts> {
		const config = new KubeConfig();
		config.loadFromFile(await fixture.kubeconfig(proxy));
		const { addr, caPem, rootToken } = fixture.bao;
		const vault = openVaultClient({
			...{ address: addr, ca: caPem, namespace: undefined, tlsName: undefined, timeout: 10_000 },
		});
		const reader = openMetadata(vault, async (_, send) => responseOf(await send(rootToken), vault), 'secret');
		const log = pino({ level: 'silent' });
		return await startRollouts({
			client: kubernetesClient(config, `https://127.0.0.1:${proxy.port}`),
			folders: openFolders(reader, log, () => undefined),
			vault: { namespace: undefined, mount: 'secret' },
			settings: { limits: { total: 100, batch: 0 }, period: 500, resync },
			fieldManager: 'envtier-controller',
			metrics: { changed: () => undefined, rollout: () => undefined },
			log,
			isLeader: () => true,
		});
	}

	/** A fault for each request, over and over. */
	function inject(pattern: readonly FaultName[]): void {
		let next = 0;
		proxy.setFault((): ApiFault => {
			const name = pattern[next++ % pattern.length] ?? 'pass';
			if (name === 'drop') proxy.dropWatches();
			if (name === 'pass' || name === 'drop') return { kind: 'pass' };
			if (name === 'lost' || name === 'stale') return { kind: name };
			return { kind: 'answer', status: Number(name) };
		});
	}
	/** Waits for so many requests under faults, or 3 s. */
	const somethingHappened = async (count: number): Promise<void> => {
		const [seen, end] = [proxy.requests.length, performance.now() + 3_000];
		await until('requests', () => proxy.requests.length > seen + count || performance.now() > end);
	};
	const heal = (): void => proxy.setFault(() => ({ kind: 'pass' }));

	/** Makes the pods of a plan, which say what they read. */
	async function makePods(
		{ pods, tells, asks }: Pick<Plan, 'pods' | 'tells' | 'asks'>,
		namespace: string,
		template: Template,
	): Promise<void> {
		const told = await revisionNow(fixture.bao, namespace, ['LEVEL']);
		const path = `/api/v1/namespaces/${namespace}/pods`;
		const terminated = { exitCode: 0, message: tells ? revisionMessage(told) : '' };
		const fetcher = { name: 'envtier-fetch', ready: true, restartCount: 0, image: '', imageID: '' };
		const status = { initContainerStatuses: [{ ...fetcher, state: { terminated } }] };
		for (let i = 0; i < pods; i++) {
			const pod = { ...template, metadata: { ...template.metadata, name: `web-${i}` } };
			expectStatus(await cluster.request('POST', path, pod), 201, 'creating a pod');
			if (asks !== 'rollout') continue;
			const said = await cluster.request('PATCH', `${path}/web-${i}/status`, { status }, MERGE);
			expectStatus(said, 200, 'writing the status of a pod');
		}
	}

	/** Makes a workload of a plan in a namespace of its own. */
	async function make(plan: Plan) {
		const { plural, block, more } = KINDS[plan.kind];
		const namespace = await cluster.createNamespace();
		await putSecret(fixture.bao, `deployments/${namespace}/secrets/LEVEL`, 'info');
		const labels = { app: 'web' };
		const metadata = { labels, annotations: annotationsOf(plan, namespace) };
		const podTemplate: Template = { metadata, spec: { containers: [MAIN] } };
		const all = `/apis/apps/v1/namespaces/${namespace}/${plural}`;
		const body = {
			...{ apiVersion: 'apps/v1', kind: plan.kind },
			metadata: {
				...{ name: 'web', labels },
				annotations: {
					'example.com/own': 'x',
					...(plan.note === undefined ? {} : { 'rollout.envtier.dev/state': plan.note }),
				},
			},
			spec: {
				selector: { matchLabels: labels },
				template: podTemplate,
				...more,
				...(plan.blocked ? block : {}),
			},
		};
		expectStatus(await cluster.request('POST', all, body), 201, `creating a ${plan.kind}`);
		await makePods(plan, namespace, podTemplate);
		const template = await followTemplate(cluster, all);
		const path = `${all}/web`;
		const get = async (): Promise<WorkloadObject> =>
			expectStatus(await cluster.request<WorkloadObject>('GET', path), 200, 'reading a workload');
		const settle = async (): Promise<void> => {
			const observedGeneration = (await get()).metadata?.generation;
			const daemons = { currentNumberScheduled: 1, desiredNumberScheduled: 1, numberMisscheduled: 0 };
			const replicas = { replicas: 1, updatedReplicas: 1, readyReplicas: 1 };
			const counts =
				plan.kind === 'DaemonSet'
					? { ...daemons, numberReady: 1, numberAvailable: 1, updatedNumberScheduled: 1 }
					: replicas;
			const status = { observedGeneration, ...counts };
			expectStatus(await cluster.request('PATCH', `${path}/status`, { status }, MERGE), 200, 'a status');
		};
		await settle();
		/** What the controller has recorded; what somebody else wrote there is none. */
		const state = async (): Promise<RolloutState | undefined> =>
			parseState((await get()).metadata?.annotations?.['rollout.envtier.dev/state']);
		const rolled = async () =>
			(await get()).spec.template.metadata.annotations['rollout.envtier.dev/revision'];
		/** Whether the controller knows the workload; it rolls those of them that are not blocked. */
		const isKnown = plan.asks === 'rollout' && plan.pods > 0;
		return {
			plan,
			namespace,
			path,
			template,
			get,
			settle,
			state,
			rolled,
			isKnown,
			isRolled: isKnown && !plan.blocked,
		};
	}
	type Made = Awaited<ReturnType<typeof make>>;

	/** The object without what the controller and the API server write. */
	function withoutOurs(object: WorkloadObject): unknown {
		return JSON.parse(JSON.stringify(object), (key, value) => {
			if (/^(resourceVersion|generation|managedFields|observedGeneration)$/.test(key)) return undefined;
			if (key.startsWith('rollout.envtier.dev/') || key === 'deprecated.daemonset.template.generation')
				return undefined;
			return value;
		});
	}

	const changesOf = (workloads: readonly Made[]): readonly number[] =>
		workloads.map(({ template }) => template.changes());
	const untouched = (workloads: readonly Made[]): Promise<readonly unknown[]> =>
		Promise.all(workloads.map(async ({ get }) => withoutOurs(await get())));

	/** Changes secrets under faults, and waits until all workloads that are to be rolled are. */
	async function round(
		workloads: readonly Made[],
		which: 0 | 1,
		pattern: readonly FaultName[],
	): Promise<void> {
		inject(pattern);
		const changed = workloads.filter(({ plan }) => plan.changes[which]);
		for (const { namespace } of changed)
			await putSecret(fixture.bao, `deployments/${namespace}/secrets/LEVEL`, `value ${which}`);
		await somethingHappened(40);
		heal();
		for (const one of changed.filter(({ isRolled }) => isRolled)) {
			const wanted = await revisionNow(fixture.bao, one.namespace, ['LEVEL']);
			await until(`a rollout of ${one.path}`, async () => (await one.rolled()) === wanted, WAIT);
			await one.settle();
		}
	}

	/** Follows generated workloads from the start of the reconciler through two rounds of changes. */
	async function follow(workloads: readonly Made[], pattern: readonly FaultName[]): Promise<void> {
		inject(pattern);
		const rollouts = await startReconciler();
		try {
			await somethingHappened(60);
			heal();
			for (const one of workloads.filter(({ isKnown }) => isKnown))
				await until(`a record of ${one.path}`, one.state, WAIT);
			expect(changesOf(workloads), 'starting rolls nothing').toEqual(workloads.map(() => 0));
			await round(workloads, 0, pattern);
			await round(workloads, 1, pattern);
			for (const one of workloads.filter(({ isKnown, plan }) => isKnown && plan.blocked))
				if (one.plan.changes.includes(true))
					await until(`that ${one.path} waits`, async () => (await one.state())?.pending, WAIT);
		} finally {
			await rollouts.close();
		}
		const wanted = workloads.map(({ isRolled, plan }) =>
			isRolled ? plan.changes.filter(Boolean).length : 0,
		);
		await until('all changes to be seen', () =>
			changesOf(workloads).every((seen, i) => seen >= (wanted[i] ?? 0)),
		);
		expect(changesOf(workloads), 'each change is rolled once').toEqual(wanted);
	}

	test('see at a resync that pods were replaced without a change of their workload', async () => {
		heal();
		const plan = { asks: 'rollout', blocked: false, pods: 1, tells: true, selection: {} } as const;
		const one = await make({ ...plan, kind: 'Deployment', note: undefined, changes: [false, false] });
		const rollouts = await startReconciler(1_000);
		try {
			const before = await until('a record', one.state);
			const pods = `/api/v1/namespaces/${one.namespace}/pods`;
			await cluster.request('DELETE', `${pods}/web-0?gracePeriodSeconds=0`);
			const other = { ...plan, selection: { 'envtier.dev/require': 'LEVEL' } };
			const annotations = annotationsOf(other, one.namespace);
			const template = { metadata: { labels: { app: 'web' }, annotations }, spec: { containers: [MAIN] } };
			await makePods(other, one.namespace, template);
			await until('another record', async () => (await one.state())?.inputs !== before.inputs);
			expect(one.template.changes()).toBe(0);
		} finally {
			await rollouts.close();
			one.template.close();
			await cluster.request('DELETE', one.path);
		}
	});

	test('converge, and touch nothing that is not theirs', { timeout: RUNS * 150_000 }, async () => {
		const generated = fc.array(plans, { minLength: 3, maxLength: 7 });
		const property = fc.asyncProperty(generated, faults, async (drawn, pattern) => {
			// A proxy of its own for each run: a stale list of an earlier one names workloads that are gone.
			await proxy[Symbol.asyncDispose]();
			proxy = await startFaultyApiServer(cluster);
			const workloads = await Promise.all(drawn.map(make));
			const before = await untouched(workloads);
			const from = proxy.requests.length;
			await follow(workloads, pattern);
			expect(await untouched(workloads)).toEqual(before);
			const own = workloads.filter(({ isKnown }) => isKnown);
			const isOwn = ({ method, path }: ApiRequest): boolean =>
				method === 'PATCH' && own.some((one) => one.path === path);
			const isEvent = ({ path }: ApiRequest): boolean =>
				own.some(({ namespace }) => path.startsWith(`/api/v1/namespaces/${namespace}/events`));
			for (const { template, path } of workloads) {
				template.close();
				// The next reconciler would look at it as well.
				await cluster.request('DELETE', path);
			}
			const writes = proxy.requests.slice(from).filter(({ method }) => method !== 'GET');
			expect(writes.filter((one) => !isOwn(one) && !isEvent(one))).toEqual([]);
		});
		await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
	});
});

interface Template {
	readonly metadata: {
		readonly labels: Readonly<Record<string, string>>;
		readonly annotations: Readonly<Record<string, string>>;
	};
	readonly spec: object;
}

/** The annotations of the pod template of a plan. */
function annotationsOf(
	{ asks, selection }: Pick<Plan, 'asks' | 'selection'>,
	namespace: string,
): Readonly<Record<string, string>> {
	const other = { 'example.com/other': 'x' };
	const secrets = { ...other, 'envtier.dev/deployment': namespace, ...selection };
	const rollout = { 'envtier.dev/on-change': 'rollout' };
	switch (asks) {
		case 'rollout':
			return { ...secrets, ...rollout };
		case 'opted out':
			return { ...secrets, ...rollout, 'envtier.dev/inject': 'false' };
		case 'nothing':
			return secrets;
		default:
			return other;
	}
}

interface WorkloadObject extends KubernetesObject {
	readonly spec: {
		readonly template: { readonly metadata: { readonly annotations: Readonly<Record<string, string>> } };
	};
}
