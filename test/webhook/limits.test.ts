import { describe, expect, test } from 'vitest';
import { admit } from '../../webhook/admit.ts';
import { MOST_ADDED, MOST_USERS } from '../../webhook/limits.ts';
import { encodeReview } from '../../webhook/review.ts';
import { podOf } from './support/pods.ts';
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
		['as many users as are possible', undefined, 100, MOST_USERS, 'inject'],
		['one user more', undefined, 100, MOST_USERS + 1, 'too-large'],
		['twenty thousand users', undefined, 20_000, 20_000, 'too-large'],
		['as many mounts as are possible', undefined, MOST_ADDED, 1, 'inject'],
		['one mount more', undefined, MOST_ADDED + 1, 1, 'too-large'],
		['as many variables as are possible', keys(MOST_ADDED / 10), 10, 1, 'inject'],
		['one variable more in each container', keys(MOST_ADDED / 10 + 1), 10, 1, 'too-large'],
		['thousands of variables in thousands of containers', keys(3000), 5000, 1, 'too-large'],
	])('%s', ([, env, n, users, outcome]) => {
		const found = answer(env, n, users);
		expect(found.outcome).toBe(outcome);
		expect(found.length).toBeLessThan(2 * 1024 * 1024);
	});

	test('thousands of names for thousands of containers are all found', () => {
		const many = containers(4000);
		const asks = { deployment: 'shop', containers: many.map(({ name }) => name).join(',') };
		const decision = admit(request(podOf(asks, { containers: many })), SETTINGS);
		expect(decision.kind === 'inject' && decision.plan.fetchers[0]?.readers.length).toBe(4000);
	});
});
