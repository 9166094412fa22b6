import { expect, test } from 'vitest';
import { WORKLOAD_KINDS } from '../../controller/workloads/kinds.ts';
import { joinReferences } from '../../controller/workloads/references.ts';
import { type Workload, workloadOf } from '../../controller/workloads/workload.ts';

const DEPLOYMENT = 'Deployment shop/web';
const ROLLOUT = 'Rollout shop/web';

function decode(kind: string, spec: object): Workload {
	const found = WORKLOAD_KINDS.find((one) => one.kind === kind);
	const metadata = { namespace: 'shop', name: 'web', uid: kind, resourceVersion: '1', generation: 1 };
	const workload = found && workloadOf(found, { metadata, spec, status: {} });
	if (workload === undefined) throw new Error(`${kind} was not decoded`);
	return workload;
}
const annotations = { 'envtier.dev/on-change': 'rollout' };
const deployment = decode('Deployment', {
	selector: { matchLabels: { app: 'web' } },
	template: { metadata: { annotations } },
});
const rollout = decode('Rollout', {
	workloadRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
});

function joined(workloads: Readonly<Record<string, Workload>>) {
	const all = new Map(Object.entries(workloads));
	const joining = joinReferences({ get: (key) => all.get(key), all: () => [...all] });
	for (const [key, workload] of all) joining.changed(key, workload);
	return { all, joining };
}

test('a Rollout has the selector of its Deployment, which is no workload of its own', () => {
	const { joining } = joined({ [DEPLOYMENT]: deployment, [ROLLOUT]: rollout });
	expect(joining.get(ROLLOUT)).toMatchObject({ selector: 'app=web', kind: { kind: 'Rollout' } });
	expect(joining.get(DEPLOYMENT)).toBeUndefined();
	expect(joining.all().map(([key]) => key)).toEqual([ROLLOUT]);
});

test('a Rollout whose Deployment does not ask for rollouts, or is not there, is left alone', () => {
	const { joining } = joined({ [ROLLOUT]: rollout });
	expect(joining.get(ROLLOUT)).toBeUndefined();
	expect(joining.all()).toEqual([]);
});

test('a change of either concerns both; a Deployment without its Rollout is a workload again', () => {
	const { all, joining } = joined({ [DEPLOYMENT]: deployment, [ROLLOUT]: rollout });
	expect(joining.changed(DEPLOYMENT, deployment)).toEqual([ROLLOUT]);
	expect(joining.changed(ROLLOUT, rollout)).toContain(DEPLOYMENT);
	all.delete(ROLLOUT);
	expect(joining.changed(ROLLOUT, undefined)).toEqual([DEPLOYMENT]);
	expect(joining.get(DEPLOYMENT)).toBe(deployment);
});
