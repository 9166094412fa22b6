import type { V1Container, V1NodeSelectorRequirement, V1PodSpec } from '@kubernetes/client-node';
import { describe, expect, test } from 'vitest';
import { admit } from '../../webhook/admission/admit.ts';
import { podOf } from './support/pods.ts';
import { request } from './support/request.ts';
import { settings } from './support/settings.ts';

const reasonFor = (spec: Partial<V1PodSpec>): string => {
	const decision = admit(request(podOf({ deployment: 'shop' }, spec)), settings().injection);
	return decision.kind === 'inject' ? 'inject' : decision.reason;
};
const needs = (...terms: (readonly V1NodeSelectorRequirement[])[]): Partial<V1PodSpec> => ({
	affinity: {
		nodeAffinity: {
			requiredDuringSchedulingIgnoredDuringExecution: {
				nodeSelectorTerms: terms.map((matchExpressions) => ({ matchExpressions: [...matchExpressions] })),
			},
		},
	},
});
const OS = 'kubernetes.io/os';
const OLD = 'beta.kubernetes.io/os';
const WINDOWS = { key: OS, operator: 'In', values: ['windows'] };
const LINUX = { key: OS, operator: 'In', values: ['linux'] };
const HOST_PROCESS: V1Container = {
	name: 'web',
	securityContext: { windowsOptions: { hostProcess: true } },
};
/** A term for Windows and a term for one node, whose system nobody says. */
const byName: Partial<V1PodSpec> = {
	affinity: {
		nodeAffinity: {
			requiredDuringSchedulingIgnoredDuringExecution: {
				nodeSelectorTerms: [
					{ matchExpressions: [WINDOWS] },
					{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-1'] }] },
				],
			},
		},
	},
};
const GPU = { key: 'gpu', operator: 'Exists' };

describe('a pod that can run on Windows alone is refused', () => {
	test.for<[string, Partial<V1PodSpec>]>([
		['by spec.os', { os: { name: 'windows' } }],
		['by the node selector', { nodeSelector: { [OS]: 'windows' } }],
		['by the older node label', { nodeSelector: { [OLD]: 'windows' } }],
		[
			'by the label of a Windows build',
			{ nodeSelector: { 'node.kubernetes.io/windows-build': '10.0.20348' } },
		],
		['by required affinity', needs([WINDOWS])],
		['by required affinity on the older label', needs([{ ...WINDOWS, key: OLD }])],
		['by affinity away from Linux', needs([{ key: OS, operator: 'NotIn', values: ['linux'] }])],
		['by every one of several terms', needs([WINDOWS, GPU], [GPU, { ...WINDOWS, key: OLD }])],
		[
			'by affinity to any Windows build',
			needs([{ key: 'node.kubernetes.io/windows-build', operator: 'Exists' }]),
		],
		['by host processes', { securityContext: { windowsOptions: { hostProcess: true } } }],
		['by a container that is a host process', { containers: [HOST_PROCESS] }],
		[
			'by an init container that is a host process',
			{ containers: [HOST_PROCESS], initContainers: [{ ...HOST_PROCESS, name: 'prepare' }] },
		],
		[
			'by containers that inherit it from the pod',
			{
				securityContext: { windowsOptions: { hostProcess: true } },
				containers: [{ name: 'web', securityContext: { windowsOptions: {} } }],
			},
		],
		['by the only term that selects any node', needs([], [WINDOWS])],
	])('%s', ([, spec]) => expect(reasonFor(spec)).toBe('windows'));
});

describe('a pod that can run on Linux is injected', () => {
	test.for<[string, Partial<V1PodSpec>]>([
		['that says so', { os: { name: 'linux' } }],
		['that says so against its node selector', { os: { name: 'linux' }, nodeSelector: { [OLD]: 'windows' } }],
		['with a term for each system', needs([WINDOWS], [LINUX])],
		['with both systems in one term', needs([{ key: OS, operator: 'In', values: ['windows', 'linux'] }])],
		['with a term about something else', needs([WINDOWS], [GPU])],
		['that keeps away from Windows', needs([{ key: OS, operator: 'NotIn', values: ['windows'] }])],
		[
			'that only prefers Windows',
			{
				affinity: {
					nodeAffinity: {
						preferredDuringSchedulingIgnoredDuringExecution: [
							{ weight: 1, preference: { matchExpressions: [WINDOWS] } },
						],
					},
				},
			},
		],
		['without terms', needs()],
		['with a term that selects no node', needs([])],
		['with a term about the name of a node', byName],
		[
			'whose containers take back that they are host processes',
			{
				securityContext: { windowsOptions: { hostProcess: true } },
				containers: [{ name: 'web', securityContext: { windowsOptions: { hostProcess: false } } }],
			},
		],
	])('%s', ([, spec]) => expect(reasonFor(spec)).toBe('inject'));
});
