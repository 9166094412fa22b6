import type { V1PodSpec, V1ResourceRequirements } from '@kubernetes/client-node';
import { describe, expect, test } from 'vitest';
import { admit } from '../../webhook/admission/admit.ts';
import { ASKS, podOf, WEB } from './support/pods.ts';
import { applied, request } from './support/request.ts';
import { type Env, settings } from './support/settings.ts';

const LIMITS = { cpu: '500m', memory: '128Mi' };
const REQUESTS = { cpu: '50m', memory: '64Mi' };

const container = (resources: V1ResourceRequirements) => ({ ...WEB, resources });
const even = container({ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1', memory: '1Gi' } });

/** What the fetcher requests and may use in such a pod. */
function fetcherIn(spec: Partial<V1PodSpec>, env: Env = {}): V1ResourceRequirements | undefined {
	const pod = podOf(ASKS, spec);
	const after = applied(pod, admit(request(pod), settings(env).injection));
	return after.spec?.initContainers?.find(({ name }) => name === 'envtier-fetch')?.resources;
}

describe('in a pod whose class is Guaranteed the fetcher requests what it may use', () => {
	test.for<readonly [string, Partial<V1PodSpec>]>([
		['requests equal limits', { containers: [even] }],
		['requests follow from limits', { containers: [container({ limits: { cpu: '1', memory: '1Gi' } })] }],
		[
			'they are the same amounts, written in other ways',
			{
				containers: [
					container({ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1000m', memory: '1024Mi' } }),
					{
						...container({ limits: { cpu: '0.5', memory: '1e9' }, requests: { cpu: '500m', memory: '1G' } }),
						name: 'b',
					},
				],
			},
		],
		[
			'they are numbers, which YAML makes of what is not quoted',
			{
				containers: [
					container({
						limits: { cpu: 1, memory: '1Gi' },
						requests: { cpu: '1', memory: 1_073_741_824 },
					} as never),
				],
			},
		],
		['init containers, too', { containers: [even], initContainers: [{ ...even, name: 'setup' }] }],
	])('%s', ([, spec]) => expect(fetcherIn(spec)).toEqual({ requests: LIMITS, limits: LIMITS }));

	test('also where the operator limits memory alone: what it requests of CPU is its limit then', () => {
		const both = { cpu: '50m', memory: '256Mi' };
		expect(fetcherIn({ containers: [even] }, { ENVTIER_FETCHER_LIMITS: 'memory=256Mi' })).toEqual({
			requests: both,
			limits: both,
		});
	});
});

describe('in any other pod it requests less', () => {
	test.for<readonly [string, Partial<V1PodSpec>]>([
		['nothing is said', { containers: [WEB] }],
		['memory is not limited', { containers: [container({ limits: { cpu: '1' } })] }],
		[
			'less is requested than may be used',
			{ containers: [container({ limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '1' } })] },
		],
		['a limit is zero', { containers: [container({ limits: { cpu: '0', memory: '1Gi' } })] }],
		['one container is not even', { containers: [even, { ...WEB, name: 'side' }] }],
		['one init container is not even', { containers: [even], initContainers: [{ ...WEB, name: 'setup' }] }],
	])('%s', ([, spec]) => expect(fetcherIn(spec)).toEqual({ requests: REQUESTS, limits: LIMITS }));
});

test('in a pod with pod-level resources it has none of its own', () => {
	expect(fetcherIn({ containers: [WEB], resources: { limits: { memory: '1Gi' } } })).toBeUndefined();
});
