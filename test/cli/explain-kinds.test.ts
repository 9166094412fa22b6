/**
 * Kinds that explain does not know: finds pod templates at any depth, and annotations for pods of operators.
 */
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { runHere } from './support/world.ts';

const GOOD = { 'envtier.dev/deployment': 'shop', 'envtier.dev/service': 'web' };
const TYPO = { 'envtier.dev/deployment': 'shop', 'envtier.dev/sevrice': 'web' };
type Annotations = Readonly<Record<string, unknown>>;

const container = { name: 'web', image: 'registry.example.com/shop/web:1' };
const template = (annotations: Annotations, spec: object = {}) => ({
	metadata: { annotations },
	spec: { containers: [container], ...spec },
});
const named = { name: 'web', namespace: 'shop' };

/** Each with the place of its annotations, and objects as their projects document them. */
const WITH_TEMPLATES: [string, string, (annotations: Annotations) => object][] = [
	[
		'an Argo Rollout',
		'spec.template',
		(annotations) => ({
			apiVersion: 'argoproj.io/v1alpha1',
			kind: 'Rollout',
			metadata: named,
			spec: { strategy: { canary: { steps: [{ setWeight: 20 }] } }, template: template(annotations) },
		}),
	],
	[
		'a Knative Service, whose containers need no names',
		'spec.template',
		(annotations) => ({
			apiVersion: 'serving.knative.dev/v1',
			kind: 'Service',
			metadata: named,
			spec: {
				template: { metadata: { annotations }, spec: { containers: [{ image: 'web:1' }] } },
				traffic: [{ latestRevision: true, percent: 100 }],
			},
		}),
	],
	[
		'a PyTorchJob',
		'spec.pytorchReplicaSpecs.Worker.template',
		(annotations) => ({
			apiVersion: 'kubeflow.org/v1',
			kind: 'PyTorchJob',
			metadata: named,
			spec: {
				pytorchReplicaSpecs: {
					Master: { replicas: 1, template: template(GOOD) },
					Worker: { replicas: 3, template: template(annotations) },
				},
			},
		}),
	],
	[
		'a JobSet',
		'spec.replicatedJobs[1].template.spec.template',
		(annotations) => ({
			apiVersion: 'jobset.x-k8s.io/v1alpha2',
			kind: 'JobSet',
			metadata: named,
			spec: {
				replicatedJobs: [
					{ name: 'driver', template: { spec: { template: template(GOOD) } } },
					{ name: 'workers', template: { spec: { template: template(annotations) } } },
				],
			},
		}),
	],
	[
		'a scale set of runners',
		'spec.template',
		(annotations) => ({
			apiVersion: 'actions.github.com/v1alpha1',
			kind: 'AutoscalingRunnerSet',
			metadata: named,
			spec: { template: template(annotations) },
		}),
	],
];

const WITH_ANNOTATIONS: [string, string, (annotations: Annotations) => object][] = [
	[
		'a SparkApplication',
		'spec.driver.annotations',
		(annotations) => ({
			apiVersion: 'sparkoperator.k8s.io/v1beta2',
			kind: 'SparkApplication',
			metadata: named,
			spec: {
				type: 'Scala',
				mode: 'cluster',
				image: 'spark:4',
				driver: { cores: 1, annotations },
				executor: { cores: 1 },
			},
		}),
	],
	[
		'a CronWorkflow, by its podMetadata',
		'spec.workflowSpec.podMetadata.annotations',
		(annotations) => ({
			apiVersion: 'argoproj.io/v1alpha1',
			kind: 'CronWorkflow',
			metadata: named,
			spec: {
				schedules: ['0 * * * *'],
				workflowSpec: {
					podMetadata: { annotations },
					entrypoint: 'main',
					templates: [{ name: 'main', container }],
				},
			},
		}),
	],
	[
		'a CronWorkflow, by the metadata of one template',
		'spec.workflowSpec.templates[1].metadata.annotations',
		(annotations) => ({
			apiVersion: 'argoproj.io/v1alpha1',
			kind: 'CronWorkflow',
			metadata: named,
			spec: {
				schedules: ['0 * * * *'],
				workflowSpec: {
					entrypoint: 'main',
					templates: [
						{ name: 'main', steps: [[{ name: 'one', template: 'step' }]] },
						{ name: 'step', metadata: { annotations }, container },
					],
				},
			},
		}),
	],
	[
		'a Kafka of Strimzi',
		'spec.kafka.template.pod.metadata.annotations',
		(annotations) => ({
			apiVersion: 'kafka.strimzi.io/v1',
			kind: 'Kafka',
			metadata: named,
			spec: { kafka: { template: { pod: { metadata: { annotations } } } } },
		}),
	],
	[
		'a custom resource, on itself',
		'metadata.annotations',
		(annotations) => ({
			apiVersion: 'tekton.dev/v1',
			kind: 'TaskRun',
			metadata: { ...named, annotations },
			spec: { taskRef: { name: 'build' } },
		}),
	],
];

async function explained(...objects: readonly object[]) {
	const input = objects.map((object) => stringify(object)).join('---\n');
	const { code, stdout, stderr } = await runHere(['explain', '-', '-o', 'json'], input);
	expect(stdout, stderr).not.toBe('');
	return { code, stderr, objects: JSON.parse(stdout).objects };
}

describe('a pod template is found in', () => {
	test.each(WITH_TEMPLATES)('%s', async (_what, at, of) => {
		const good = await explained(of(GOOD));
		expect(good.code).toBe(0);
		expect(good.objects.at(-1)).toMatchObject({ at, namespace: 'shop', name: 'web', decision: 'inject' });
		expect(good.objects.at(-1).pod.spec.initContainers[0].name).toBe('envtier-fetch');
		const typo = await explained(of(TYPO));
		expect([typo.code, typo.objects.at(-1)]).toEqual([
			4,
			expect.objectContaining({
				at,
				decision: 'reject',
				message: expect.stringContaining('did you mean envtier.dev/service?'),
			}),
		]);
		// Without ours it is a pod that does not ask.
		expect((await explained(of({}))).code).toBe(3);
	});
});

describe('annotations for pods that an operator writes are checked in', () => {
	test.each(WITH_ANNOTATIONS)('%s', async (_what, at, of) => {
		const typo = await explained(of(TYPO));
		expect([typo.code, typo.objects]).toEqual([
			4,
			[
				expect.objectContaining({
					at,
					decision: 'reject',
					message: expect.stringContaining('did you mean envtier.dev/service?'),
				}),
			],
		]);
		const good = await explained(of(GOOD));
		expect([good.code, good.objects]).toEqual([
			3,
			[
				expect.objectContaining({
					at,
					decision: 'skip',
					reason: 'pods-unknown',
					message: expect.stringContaining(at),
				}),
			],
		]);
		const unquoted = await explained(of({ ...GOOD, 'envtier.dev/inject': true }));
		expect([unquoted.code, unquoted.objects[0].message]).toEqual([
			4,
			expect.stringContaining(`annotation "envtier.dev/inject" is true or false, without quotes`),
		]);
	});
});

test('what has neither is named, and changes no exit code', async () => {
	const plain = { apiVersion: 'example.com/v1', kind: 'Cache', metadata: named, spec: { size: 3 } };
	const [, , rollout] = WITH_TEMPLATES[0] ?? [];
	const { code, stderr } = await explained(plain, rollout?.(GOOD) ?? {});
	expect([code, stderr]).toEqual([0, expect.stringContaining('there is no pod template in Cache')]);
});

test('a title says where in the object the template is', async () => {
	const [, , rollout] = WITH_TEMPLATES[0] ?? [];
	const { stdout } = await runHere(['explain', '-'], stringify(rollout?.(TYPO)));
	expect(stdout).toContain('Rollout shop/web (spec.template): reject (unknown-annotation)');
});

describe('a value without quotes', () => {
	test.each([
		['true', 'true or false, without quotes'],
		['no', 'true or false, without quotes'],
		['5432', 'a number, without quotes'],
		['[a]', 'a list'],
		['{a: b}', 'a map'],
	])('%s: the annotation is named, whosever it is', async (value, kind) => {
		for (const name of ['envtier.dev/inject', 'prometheus.io/scrape']) {
			const pod = stringify({
				apiVersion: 'v1',
				kind: 'Pod',
				metadata: { name: 'web', annotations: { ...GOOD, [name]: 'PLACE' } },
				spec: { containers: [container] },
			}).replace('PLACE', value);
			const { code, stdout } = await runHere(['explain', '-'], pod);
			expect([code, stdout]).toEqual([4, expect.stringContaining(`annotation "${name}" is ${kind}`)]);
			expect(stdout).toContain('put the value in quotes');
		}
	});

	test('all of them are named, labels too', async () => {
		const metadata = { name: 'web', annotations: { ...GOOD, 'a.example/b': 1 }, labels: { version: 2 } };
		const { stdout } = await runHere(
			['explain', '-'],
			stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [container] } }),
		);
		expect(stdout).toContain(
			'annotation "a.example/b" is a number, without quotes, label "version" is a number',
		);
	});
});
