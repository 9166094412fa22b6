import { describe, expect, test } from 'vitest';
import { WORKLOAD_KINDS } from '../../controller/workloads/kinds.ts';
import { workloadOf } from '../../controller/workloads/workload.ts';

const kindOf = (name: string) => {
	const kind = WORKLOAD_KINDS.find((one) => one.kind === name);
	if (kind === undefined) throw new Error(`no kind ${name}`);
	return kind;
};

const decode = (kind: string, spec: object = {}, status: object = {}, annotations: object = {}) =>
	workloadOf(kindOf(kind), {
		metadata: { namespace: 'shop', name: 'web', uid: 'u', resourceVersion: '7', generation: 3 },
		spec: {
			selector: { matchLabels: { app: 'web' } },
			template: { metadata: { annotations: { 'envtier.dev/on-change': 'rollout', ...annotations } } },
			...spec,
		},
		status: { observedGeneration: 3, ...status },
	});

describe('a workload', () => {
	test.for<[string, object]>([
		['without the annotation is left alone', { 'envtier.dev/on-change': 'none' }],
		['that opted out is left alone', { 'envtier.dev/inject': 'false' }],
	])('%s', ([, annotations]) => expect(decode('Deployment', {}, {}, annotations)).toBeUndefined());

	test.for<[string, string, object, string | undefined]>([
		['a Deployment', 'Deployment', {}, undefined],
		['a paused Deployment', 'Deployment', { paused: true }, 'it is paused'],
		[
			'a StatefulSet whose pods are deleted by hand',
			'StatefulSet',
			{ updateStrategy: { type: 'OnDelete' } },
			'its update strategy is OnDelete',
		],
		[
			'a StatefulSet with a partition',
			'StatefulSet',
			{ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } },
			'its update strategy has the partition 2',
		],
		[
			'a DaemonSet whose pods are deleted by hand',
			'DaemonSet',
			{ updateStrategy: { type: 'OnDelete' } },
			'its update strategy is OnDelete',
		],
	])('%s', ([, kind, spec, blocked]) => expect(decode(kind, spec)?.blocked).toBe(blocked));

	test.for<[string, object, string | undefined]>([
		['labels', { matchLabels: { a: 'b', c: 'd' } }, 'a=b,c=d'],
		[
			'expressions',
			{
				matchExpressions: [
					{ key: 'a', operator: 'In', values: ['b', 'c'] },
					{ key: 'd', operator: 'NotIn', values: ['e'] },
					{ key: 'f', operator: 'Exists' },
					{ key: 'g', operator: 'DoesNotExist' },
				],
			},
			'a in (b,c),d notin (e),f,!g',
		],
		[
			'an operator that is not known',
			{ matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] },
			undefined,
		],
		['nothing, which would select every pod', {}, undefined],
	])('selects its pods by %s', ([, selector, text]) =>
		expect(decode('Deployment', { selector })?.selector).toBe(text),
	);
});

describe('the progress of a rollout', () => {
	test.for<[string, string, object, object, string, boolean]>([
		['not looked at yet', 'Deployment', {}, { observedGeneration: 2 }, 'running', false],
		[
			'all replicas are new and ready',
			'Deployment',
			{ replicas: 2 },
			{ replicas: 2, updatedReplicas: 2, readyReplicas: 2 },
			'done',
			true,
		],
		[
			'an old replica is still there',
			'Deployment',
			{ replicas: 2 },
			{ replicas: 3, updatedReplicas: 2, readyReplicas: 3 },
			'running',
			true,
		],
		['no replicas are wanted', 'Deployment', { replicas: 0 }, {}, 'done', false],
		[
			'past its deadline',
			'Deployment',
			{ replicas: 1 },
			{ updatedReplicas: 1, conditions: [{ type: 'Progressing', reason: 'ProgressDeadlineExceeded' }] },
			'failed',
			true,
		],
		[
			'a DaemonSet on every node',
			'DaemonSet',
			{},
			{ desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2 },
			'done',
			true,
		],
		[
			'a DaemonSet on one of two nodes',
			'DaemonSet',
			{},
			{ desiredNumberScheduled: 2, updatedNumberScheduled: 1, numberAvailable: 2 },
			'running',
			true,
		],
		[
			'an Argo Rollout that has restarted',
			'Rollout',
			{ restartAt: '2026-01-01T00:00:00Z' },
			{ observedGeneration: '3', phase: 'Healthy', replicas: 1, restartedAt: '2026-01-01T00:00:00Z' },
			'done',
			true,
		],
		[
			'an Argo Rollout that restarts',
			'Rollout',
			{ restartAt: '2026-01-01T00:00:00Z' },
			{ observedGeneration: '3', phase: 'Healthy', replicas: 1 },
			'running',
			true,
		],
	])('%s', ([, kind, spec, status, wanted, started]) =>
		expect(decode(kind, spec, status)?.progress).toEqual({ kind: wanted, started }),
	);
});
