import { describe, expect, test } from 'vitest';
import { admit } from '../../webhook/admission/admit.ts';
import { MAX_ADDED, MAX_PIECES, MAX_USERS } from '../../webhook/admission/bounds.ts';
import { encodeReview } from '../../webhook/admission/review.ts';
import { ASKS, podOf } from './support/pods.ts';
import { request } from './support/request.ts';
import { settings } from './support/settings.ts';

const SETTINGS = settings({ ENVTIER_NATIVE_ENV: 'true' }).injection;
const containers = (n: number, users = 1) =>
	Array.from({ length: n }, (_, i) => ({
		name: `c${i}`,
		image: 'web:1',
		securityContext: { runAsUser: 1000 + (i % users) },
	}));
const keys = (n: number): string => Array.from({ length: n }, (_, i) => `K${i}`).join(',');

/** What becomes of such a pod, and how long the whole answer is. */
function answer(env: string | undefined, n: number, users = 1): { outcome: string; length: number } {
	const asks = { deployment: 'shop', ...(env === undefined ? {} : { env }) };
	const decision = admit(request(podOf(asks, { containers: containers(n, users) })), SETTINGS);
	const outcome = decision.kind === 'inject' ? 'inject' : decision.reason;
	return { outcome, length: encodeReview('u', decision).length };
}

describe('a small pod cannot ask for a large answer', () => {
	test.for<readonly [sentence: string, env: string | undefined, n: number, users: number, outcome: string]>([
		['as many users as are possible', undefined, 100, MAX_USERS, 'inject'],
		['one user more', undefined, 100, MAX_USERS + 1, 'too-large'],
		['twenty thousand users', undefined, 20_000, 20_000, 'too-large'],
		['as many mounts as are possible', undefined, MAX_ADDED, 1, 'inject'],
		['one mount more', undefined, MAX_ADDED + 1, 1, 'too-large'],
		['as many variables as are possible', keys(MAX_ADDED / 10), 10, 1, 'inject'],
		['one variable more in each container', keys(MAX_ADDED / 10 + 1), 10, 1, 'too-large'],
		['thousands of variables in thousands of containers', keys(3000), 5000, 1, 'too-large'],
	])('%s', ([, env, n, users, outcome]) => {
		const found = answer(env, n, users);
		expect(found.outcome).toBe(outcome);
		expect(found.length).toBeLessThan(2 * 1024 * 1024);
	});

	test.for<readonly [sentence: string, spec: object, reason: string]>([
		['more volumes than are looked at', { volumes: Array(MAX_PIECES).fill({ name: 'v' }) }, 'too-large'],
		[
			'more mounts than are looked at, in all containers together',
			{
				containers: Array(101).fill({
					name: 'c',
					volumeMounts: Array(MAX_PIECES / 100).fill({ name: 'v', mountPath: '/v' }),
				}),
			},
			'too-large',
		],
		[
			'more variables than are looked at, in an init container',
			{ initContainers: [{ name: 'i', env: Array(MAX_PIECES).fill({ name: 'A' }) }] },
			'too-large',
		],
		[
			'more capabilities than are looked at',
			{
				containers: [
					{ name: 'c', securityContext: { capabilities: { drop: Array(MAX_PIECES).fill('NET_RAW') } } },
				],
			},
			'too-large',
		],
		['a number in the place of containers', { containers: 7 }, 'malformed-pod'],
		['nothing in the place of a container', { containers: [null] }, 'malformed-pod'],
	])('%s', ([, spec, reason]) => {
		const decision = admit(request(podOf(ASKS, spec)), SETTINGS);
		expect(decision).toMatchObject({ kind: 'reject', reason });
	});

	test('much text, once for each of many users', () => {
		const asks = { deployment: 'shop', format: 'shell', require: keys(5000), env: keys(180) };
		const decide = (users: number) =>
			admit(request(podOf(asks, { containers: containers(users, users) })), {
				...SETTINGS,
				vault: { ...SETTINGS.vault, ca: 'x'.repeat(60 * 1024) },
			});
		expect(decide(8).kind).toBe('inject');
		expect(decide(16)).toMatchObject({
			reason: 'too-large',
			message: expect.stringContaining('16 fetchers'),
		});
	});

	test('annotations of ours, longer than all annotations of a pod may be', () => {
		const long = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x${i}`, 'a'.repeat(32_000)]));
		expect(admit(request(podOf({ ...ASKS, ...long })), SETTINGS)).toMatchObject({ reason: 'malformed-pod' });
	});

	test('annotations of ours that may be stored, but would take long to read', () => {
		const templates = (n: number) =>
			Object.fromEntries(
				Array.from({ length: n }, (_, i) => [`compose.K${i}`, `\${A}${'$$'.repeat(16_000)}`]),
			);
		const decide = (n: number) => admit(request(podOf({ ...ASKS, ...templates(n) })), SETTINGS);
		expect(decide(4).kind).toBe('inject');
		expect(decide(5)).toMatchObject({ reason: 'too-large', message: expect.stringContaining('131072') });
	});

	test('thousands of names for thousands of containers are all found', () => {
		const many = containers(2500);
		const asks = { deployment: 'shop', containers: many.map(({ name }) => name).join(',') };
		const decision = admit(request(podOf(asks, { containers: many })), SETTINGS);
		expect(decision.kind === 'inject' && decision.plan.fetchers[0]?.readers.length).toBe(2500);
	});
});

describe('where the line is for what is parsed of a long review', () => {
	/** As a pod of the API server has it: each variable from a Secret, and for each a part of managedFields. */
	function largePod(variables: number, more: object = {}): object {
		const names = Array.from({ length: variables }, (_, i) => `APPLICATION_SETTING_${i}`);
		const from = (key: string) => ({ secretKeyRef: { name: 'shop', key } });
		const managed = (name: string) => [
			`k:{"name":"${name}"}`,
			{ '.': {}, 'f:name': {}, 'f:valueFrom': { '.': {}, 'f:secretKeyRef': {} } },
		];
		const env = names.map((name) => ({ name, valueFrom: from(name) }));
		const pod = podOf(ASKS, { containers: [{ name: 'web', securityContext: { runAsUser: 1000 }, env }] });
		const fieldsV1 = { 'f:spec': { 'f:env': Object.fromEntries(names.map(managed)) } };
		return { ...pod, metadata: { ...pod.metadata, managedFields: [{ fieldsV1 }] }, ...more };
	}
	const outcome = (pod: unknown): string => {
		const decision = admit(request(pod), SETTINGS);
		return decision.kind === 'inject' ? 'inject' : decision.reason;
	};
	const labels = (n: number) =>
		Object.fromEntries(Array.from({ length: n }, (_, i) => [`example.com/label-${i}`, 'x']));

	test('a pod of 6,400 variables, nearly what etcd takes, is injected', () => {
		const pod = largePod(6_400);
		expect(JSON.stringify(pod).length).toBeGreaterThan(1.2 * 1024 * 1024);
		expect(outcome(pod)).toBe('inject');
	});

	test('what is in managedFields does not count, nor does it matter to the decision', () => {
		const managedFields = [
			{ fieldsV1: { ...labels(60_000), deep: JSON.parse('['.repeat(150) + ']'.repeat(150)) } },
		];
		const pod = podOf();
		const whole = { ...pod, metadata: { ...pod.metadata, managedFields } };
		expect(admit(request(whole), SETTINGS)).toEqual(admit(request(pod), SETTINGS));
	});

	test.for<readonly [sentence: string, pod: object, message: string]>([
		['40,000 values', largePod(7_000), 'more than 40000 values'],
		['1,000 names', { ...podOf(), labels: labels(2_500) }, 'more than 1000 different names'],
		[
			'200 lists in each other',
			{ ...podOf(), x: 'a'.repeat(65_536), y: JSON.parse('['.repeat(198) + ']'.repeat(198)) },
			'nested more than 200 deep',
		],
	])('one of more than %s is refused', ([, pod, message]) => {
		const reviewed = request(pod);
		expect(reviewed).toMatchObject({
			namespace: 'shop',
			name: 'web',
			operation: 'CREATE',
			object: undefined,
		});
		expect(admit(reviewed, SETTINGS)).toMatchObject({
			reason: 'too-large',
			message: expect.stringContaining(message),
		});
	});

	test('what says who created it is read even then, and what is no creation is left alone', () => {
		const ownerReferences = [
			{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u', controller: true },
		];
		const pod = largePod(17_000, { metadata: { name: 'web', ownerReferences } });
		expect(request(pod).owner).toMatchObject({ kind: 'ReplicaSet', name: 'web' });
		expect(admit(request(pod, { operation: 'UPDATE' }), SETTINGS).kind).toBe('skip');
	});
});
