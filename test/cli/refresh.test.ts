import { describe, expect, test } from 'vitest';
import { parseTarget } from '../../cli/refresh/target.ts';
import { podSelector } from '../../lib/kubernetes/selector.ts';
import { envtier } from './support/command.ts';

describe('envtier refresh', () => {
	test.each([
		['deployment/web', { kind: 'deployment', name: 'web' }],
		['deploy/web', { kind: 'deployment', name: 'web' }],
		['Deployments/web', { kind: 'deployment', name: 'web' }],
		['sts/orders-0', { kind: 'statefulset', name: 'orders-0' }],
		['pod/web.example', { kind: 'pod', name: 'web.example' }],
	])('%s names an object', (argument, target) => {
		expect(parseTarget(argument)).toEqual({ ok: true, value: target });
	});

	test.each([
		['no kind', 'web'],
		['no name', 'deployment/'],
		['an unknown kind', 'service/web'],
		['a kind that has no pods to keep', 'cronjob/web'],
		['a name that leaves the path', 'pod/..'],
		['a name with a query', 'pod/web?watch=1'],
		['another slash', 'pod/web/exec'],
		['a property of every object', 'constructor/web'],
	])('%s is a wrong usage', async (_what, argument) => {
		const { code, stdout, stderr } = await envtier(['refresh', argument]);
		expect(stderr).toContain('write KIND/NAME, such as deployment/web');
		expect([code, stdout]).toEqual([2, '']);
	});

	test('a namespace that is no name is a wrong usage', async () => {
		const { code, stderr } = await envtier(['refresh', '-n', 'a/b', 'pod/web']);
		expect([code, stderr]).toEqual([2, 'error: --namespace must be the name of a namespace\n']);
	});

	test.each([
		['labels', { matchLabels: { app: 'web', tier: 'front' } }, 'app=web,tier=front'],
		[
			'expressions',
			{
				matchExpressions: [
					{ key: 'app', operator: 'In', values: ['a', 'b'] },
					{ key: 'env', operator: 'NotIn', values: ['test'] },
					{ key: 'x', operator: 'Exists' },
					{ key: 'y', operator: 'DoesNotExist' },
				],
			},
			'app in (a,b),env notin (test),x,!y',
		],
		['an empty selector, which would match every pod', {}, undefined],
		['an unknown operator', { matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] }, undefined],
		['no selector', undefined, undefined],
	])('the selector of a workload with %s', (_what, selector, expected) => {
		expect(podSelector({ spec: { selector } })).toBe(expected);
	});
});
