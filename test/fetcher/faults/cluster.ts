import { expect } from 'vitest';
import type { Member } from '../../support/openbao-cluster.ts';
import { must } from '../../support/openbao-setup.ts';
import { until } from '../../support/until.ts';
import type { Cluster } from '../support/cluster.ts';
import { atTheFirstList } from './changes.ts';
import {
	type Case,
	type FaultFixture,
	type FaultTarget,
	failsAtDeadline,
	HARMLESS,
	SUCCEEDS_ON_RETRY,
} from './fault.ts';

type Standby = 'reading' | 'passing';

/** What the standby says to a login, which only the active node can do. */
async function loginAt(member: Member, jwt: string): Promise<number> {
	const answer = await member.request('POST', 'auth/jwt/login', { token: '', body: { role: 'web', jwt } });
	return answer.status;
}

/** Points the fetcher at a standby, once `before` is done; `after` brings everything back. */
async function at(
	{ cluster }: Pick<FaultFixture, 'cluster'>,
	which: Standby,
	before: (cluster: Cluster) => unknown = () => undefined,
	after: (cluster: Cluster) => unknown = () => undefined,
): Promise<FaultTarget> {
	const all = await cluster();
	const member = all[which];
	await before(all);
	return {
		env: { ENVTIER_VAULT_ADDR: member.addr, ENVTIER_VAULT_CA: member.caPem },
		vault: all.active,
		tries: ({ log }) => 1 + log.filter(({ msg }) => msg.endsWith('; trying again')).length,
		[Symbol.asyncDispose]: async () => {
			await after(all);
			await until(
				'the standby to pass logins on',
				async () => (await loginAt(member, all.active.jwt())) === 200,
			);
		},
	};
}

/**
 * Makes the active node step down for about ten seconds, and waits until the standby has no node to forward a
 * login to.
 */
async function deposed({ active, ...members }: Cluster, which: Standby): Promise<void> {
	await must(active, 'PUT', 'sys/step-down');
	const refused = async () => (await loginAt(members[which], active.jwt())) !== 200;
	await until('the standby to know of no active node', refused, { everyMs: 5 });
}

/** The active node steps down when the fetcher has logged in at a standby. */
async function deposedMidway(fixture: FaultFixture, which: Standby): Promise<FaultTarget> {
	const cluster = await fixture.cluster();
	const { addr, caPem } = cluster[which];
	const upstream = { ...cluster.active, addr, caPem };
	const [target, standby] = await Promise.all([
		atTheFirstList(fixture, upstream, () => deposed(cluster, which)),
		at(fixture, which),
	]);
	return {
		...target,
		vault: cluster.active,
		[Symbol.asyncDispose]: async () => {
			await target[Symbol.asyncDispose]();
			await standby[Symbol.asyncDispose]();
		},
	};
}

const STANDBYS: readonly (readonly [Standby, string])[] = [
	['reading', 'a standby that reads for itself'],
	['passing', 'a standby that passes everything on'],
];

/** Several nodes, of which the fetcher knows one that stands by. */
export const CLUSTER: readonly Case[] = [
	...STANDBYS.flatMap(([which, what]): Case[] => [
		{
			what,
			alone: true,
			expected: HARMLESS,
			target: (fixture) => at(fixture, which),
			also: ({ last }) => expect(last).toMatchObject({ protocol: 'h2' }),
		},
		{
			what: `${what}, sealed`,
			alone: true,
			expected: failsAtDeadline(25, /^sealed: .*is sealed or not initialized; given up after 3 s/),
			target: (fixture) =>
				at(
					fixture,
					which,
					(cluster) => cluster[which].restart(),
					(cluster) => cluster[which].unseal(),
				),
		},
	]),
	{
		what: 'a standby, while no node is active',
		alone: true,
		expected: SUCCEEDS_ON_RETRY,
		target: (fixture) => at(fixture, 'reading', (cluster) => deposed(cluster, 'reading')),
		// Nobody else was asked, although the standby says who was active last.
		also: ({ last, log }) => {
			expect(last).toMatchObject({ protocol: 'h2' });
			expect(log[0]?.msg).toMatch(/a standby that cannot pass requests on now .*; trying again$/);
		},
	},
	{
		what: 'a standby, and the active node steps down between login and list',
		alone: true,
		expected: SUCCEEDS_ON_RETRY,
		target: (fixture) => deposedMidway(fixture, 'passing'),
	},
];
