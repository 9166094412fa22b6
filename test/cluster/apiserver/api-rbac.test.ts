/** Each cell of role × operation for Kubernetes callers with real RBAC: members, and others with a rule. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
	DEPLOYMENT_OPERATIONS,
	type DeploymentOperation,
	REQUIREMENTS,
} from '../../../api/access/operations.ts';
import { type ApiUnderTest, startApi } from '../../api/support/api.ts';
import { startWithReveal, type WithReveal } from '../../api/support/reveal.ts';
import { ATTEMPTS, type Attempt, cellOf, idOfNothing, TABLE_ROLES } from '../../api/support/role-table.ts';
import { describeWithServers } from '../../support/servers.ts';
import { type ApiCallers, apiCallers, rule } from './support/api-callers.ts';

const OPERATIONS: readonly DeploymentOperation[] = DEPLOYMENT_OPERATIONS;
/** Members have these roles; `outsider` has the rules of members, and is none. */
const MEMBERS = ['viewer', 'developer', 'manager', 'outsider'] as const;
/** All rules that a member needs, for any deployment. */
const OF_MEMBERS = [
	rule('secrets', ['list', 'get', 'create', 'update', 'delete', 'destroy', 'reveal']),
	rule('deployments', ['list', 'get', 'create', 'delete', 'members', 'transfer', 'audit']),
];

/** The rules without membership in docs/managed-secrets.md, written independently of the code. */
const DIRECT: Readonly<Record<string, readonly DeploymentOperation[]>> = {
	'deploymentsecrets list': ['list'],
	'deploymentsecrets get': ['metadata'],
	'deploymentsecrets create': ['create'],
	'deploymentsecrets update': ['update', 'undelete', 'restore'],
	'deploymentsecrets delete': ['delete'],
	'deploymentsecrets destroy': ['destroy'],
	'deploymentsecrets reveal': ['reveal'],
	'deploymentmembers members': ['members'],
	'deploymentmembers transfer': ['transfer'],
	'deploymentmembers delete': ['delete-deployment'],
	'deploymentmembers audit': ['audit'],
};

/** Where the operations are tried. */
interface Place {
	readonly names: readonly [mine: string, other: string];
	/** Sends what an operation takes on a deployment; true if it is allowed, false if it is a 403. */
	attempt(operation: DeploymentOperation, deployment: string, account: string): Promise<boolean>;
	/** The text of a refusal. */
	refusal(operation: DeploymentOperation, deployment: string, account: string): Promise<string>;
}

/** What stands in for a revealed value: it is not allowed, but would be with an elevation. */
const ELEVATION = /elevation/;

describeWithServers('the table of roles, for callers that the cluster knows', ({ cluster }) => {
	let callers: ApiCallers;
	let memory: ApiUnderTest;
	let vault: WithReveal;
	const places: Record<string, Place> = {};
	const apiTokens = new Map<string, string>();
	const revealTokens = new Map<string, string>();
	const account = async (name: string, rules: readonly object[]): Promise<void> => {
		apiTokens.set(name, await callers.account(name, rules));
		revealTokens.set(name, await callers.token(name, 'envtier-reveal'));
	};
	let counter = 0;
	const unique = (): string => `n${++counter}`;

	/** Creates two deployments with a secret each, and the members of the first one. */
	const prepare = async (
		api: ApiUnderTest,
		access: { readonly program: ApiUnderTest; readonly tokens: ReadonlyMap<string, string> },
	): Promise<Place> => {
		const owner = apiTokens.get('owner') ?? '';
		const names = [`mine-${callers.namespace}`, `other-${callers.namespace}`] as const;
		const must = async (sent: Promise<{ status: number; text: string; json: unknown }>) => {
			const answer = await sent;
			expect(answer.status, answer.text).toBe(201);
			return answer.json as { id: string };
		};
		const ids = new Map<string, string>();
		for (const name of names) {
			const body = { name, org: 'acme' };
			const as = access.tokens.get('owner');
			if (access.program !== api) await must(access.program.send('POST', '/api/access', { as, body }));
			await must(api.send('POST', '/api/deployments', { as: owner, body }));
			const secret = { key: 'TOKEN', value: 'v', deploymentName: name };
			ids.set(name, (await must(api.send('POST', '/api/secrets', { as: owner, body: secret }))).id);
		}
		for (const role of ['viewer', 'developer', 'manager']) {
			const body = { member: callers.subject(role), role };
			const path = `/api/deployments/${names[0]}/members`;
			await must(access.program.send('POST', path, { as: access.tokens.get('owner'), body }));
		}
		const send = async (operation: DeploymentOperation, deployment: string, who: string) => {
			const attempt = attemptOf(operation, deployment, ids.get(deployment) ?? idOfNothing(deployment));
			// Where the Reveal program is installed, these are its operations.
			const elsewhere = ['reveal', 'restore', 'members', 'transfer'].includes(operation);
			const program = elsewhere ? access.program : api;
			const as = (elsewhere ? access.tokens : apiTokens).get(who);
			const { status, text } = await program.send(attempt.method, attempt.path, { as, body: attempt.body });
			const restored = operation === 'restore' && program !== api ? 200 : attempt.allowed;
			return { status, text, allowed: restored };
		};
		return {
			names,
			attempt: async (operation, deployment, who) => {
				const { status, text, allowed } = await send(operation, deployment, who);
				if (status !== allowed) expect(status, `${operation} by ${who}: ${text}`).toBe(403);
				return status === allowed;
			},
			refusal: async (...which) => (await send(...which)).text,
		};
	};

	const attemptOf = (operation: DeploymentOperation, deployment: string, id: string): Attempt => {
		const reveal = { deployment, key: 'TOKEN', reason: 'test' };
		if (operation === 'reveal') return { method: 'POST', path: '/api/reveal', body: reveal, allowed: 200 };
		const attempt = ATTEMPTS[operation];
		if (attempt === undefined) throw new Error(`no attempt at ${operation}`);
		return attempt({ deployment, id, unique });
	};

	beforeAll(async () => {
		callers = await apiCallers(cluster);
		const limits = { ENVTIER_API_OVERWRITES_PER_HOUR: '1000', ENVTIER_API_CALLS_PER_MINUTE: '100000' };
		const env = { ...callers.env, ...limits };
		memory = await startApi({ env });
		vault = await startWithReveal({}, { both: env });
		await account('owner', OF_MEMBERS);
		for (const role of MEMBERS) await account(role, OF_MEMBERS);
		const named = [`mine-${callers.namespace}`];
		for (const right of Object.keys(DIRECT)) {
			const [resource = '', verb = ''] = right.split(' ');
			await account(right.replace(' ', '-'), [rule(resource, [verb], named)]);
		}
		const direct = ['deploymentsecrets', 'deploymentmembers'].map((one) => rule(one, ['*'], named));
		await account('direct', direct);
		// A member who may also reveal without membership.
		await account('cluster-admin', [...OF_MEMBERS, ...direct]);
		await account('unruled', []);
		places['memory'] = await prepare(memory, { program: memory, tokens: apiTokens });
		places['OpenBao, beside the Reveal program'] = await prepare(vault.api, {
			program: vault.reveal,
			tokens: revealTokens,
		});
	}, 120_000);
	afterAll(async () => {
		await memory?.[Symbol.asyncDispose]();
		await vault?.[Symbol.asyncDispose]();
		await callers?.[Symbol.asyncDispose]();
	});

	test('the table has a row for each operation, and each verb of its own is one of the rules', () => {
		expect(Object.values(DIRECT).flat().sort()).toEqual([...OPERATIONS].sort());
		for (const operation of OPERATIONS) {
			const { resource, verb } = REQUIREMENTS[operation].direct;
			expect(DIRECT[`${resource} ${verb}`]).toContain(operation);
		}
		expect(TABLE_ROLES).toEqual(expect.arrayContaining([...MEMBERS]));
	});

	describe.each(['memory', 'OpenBao, beside the Reveal program'])('on %s', (where) => {
		const place = (): Place => places[where] as Place;
		const tried = OPERATIONS.filter((operation) => operation !== 'reveal' || where !== 'memory');

		test.each(tried)('%s: each role as a member, without the rule, and as an outsider', async (operation) => {
			const [mine] = place().names;
			for (const role of MEMBERS) {
				const expected = cellOf(role, operation) === 'y';
				expect([role, await place().attempt(operation, mine, role)]).toEqual([role, expected]);
			}
			expect(await place().attempt(operation, mine, 'unruled')).toBe(false);
		});

		test.each(tried)('%s: without membership, by rules for that deployment alone', async (operation) => {
			const [mine, other] = place().names;
			if (operation === 'reveal') {
				expect(await place().attempt(operation, mine, 'direct')).toBe(false);
				expect(await place().refusal(operation, mine, 'direct')).toMatch(ELEVATION);
				expect(await place().refusal(operation, other, 'direct')).not.toMatch(ELEVATION);
				return;
			}
			expect(cellOf('org_admin', operation)).toBe('y');
			expect(await place().attempt(operation, mine, 'direct')).toBe(true);
			expect(await place().attempt(operation, other, 'direct')).toBe(false);
		});

		test.each(Object.entries(DIRECT))('%s gives %j and nothing else', async (right, expected) => {
			const who = right.replace(' ', '-');
			const [mine, other] = place().names;
			for (const operation of tried) {
				const allowed = expected.includes(operation) && operation !== 'reveal';
				expect([operation, await place().attempt(operation, mine, who)]).toEqual([operation, allowed]);
				expect([operation, await place().attempt(operation, other, who)]).toEqual([operation, false]);
			}
		});

		test.each(tried)(
			'%s: a refusal is the same for a deployment of others and for none',
			async (operation) => {
				const [, other] = place().names;
				const absent = `none-${callers.namespace}`;
				for (const who of ['outsider', 'direct', 'unruled']) {
					const foreign = await place().refusal(operation, other, who);
					const none = await place().refusal(operation, absent, who);
					expect(foreign.replaceAll(other, 'NAME')).toBe(none.replaceAll(absent, 'NAME'));
				}
			},
		);
	});

	test('reveal without membership needs an elevation, cluster admins included, also as members', async () => {
		const [mine, other] = places['OpenBao, beside the Reveal program']?.names ?? ['', ''];
		const send = (who: string, method: string, path: string, body: object) =>
			vault.reveal.send(method, path, { as: revealTokens.get(who), body });
		const ask = { deployment: mine, key: 'TOKEN', reason: 'incident 42' };
		const member = { member: callers.subject('cluster-admin'), role: 'developer' };
		const added = await send('owner', 'POST', `/api/deployments/${mine}/members`, member);
		expect(added.status, added.text).toBe(201);
		for (const who of ['deploymentsecrets-reveal', 'cluster-admin']) {
			const refused = await send(who, 'POST', '/api/reveal', ask);
			expect([refused.status, refused.text]).toEqual([403, expect.stringMatching(ELEVATION)]);
			const target = { deployment: mine, reason: 'incident 42' };
			const elevated = await send(who, 'POST', '/api/elevations', target);
			expect(elevated.status, elevated.text).toBe(201);
			const shown = await send(who, 'POST', '/api/reveal', ask);
			expect(shown.json, shown.text).toMatchObject({ elevation: (elevated.json as { id: string }).id });
			const elsewhere = { ...target, deployment: other };
			expect((await send(who, 'POST', '/api/elevations', elsewhere)).status).toBe(403);
		}
	});

	test('the Reveal program takes a token for its own audience alone', async () => {
		const [mine] = places['OpenBao, beside the Reveal program']?.names ?? [''];
		const body = { deployment: mine, key: 'TOKEN', reason: 'incident 42' };
		const by = async (as: string) => (await vault.reveal.send('POST', '/api/reveal', { as, body })).status;
		expect(await by(revealTokens.get('developer') ?? '')).toBe(200);
		for (const audience of ['envtier-api', 'vault'])
			expect(await by(await callers.token('developer', audience))).toBe(401);
		const both = ['envtier-reveal', 'envtier-api'];
		expect(await by(await cluster.token(callers.namespace, 'developer', both))).toBe(401);
	});

	test('admins of the organization list and revoke its keys by a rule for orgkeys', async () => {
		const path = '/api/org/keys';
		await account('keys', [rule('orgkeys', ['list'], ['acme'])]);
		await account('other-keys', [rule('orgkeys', ['*'], ['globex']), rule('keys', ['*'])]);
		const send = (who: string, method: string, body?: object) =>
			memory.send(method, path, { as: apiTokens.get(who), body });
		expect((await send('keys', 'GET')).json).toEqual([]);
		expect((await send('keys', 'DELETE', { id: '0123456789abcdef' })).status).toBe(403);
		expect((await send('other-keys', 'GET')).status).toBe(403);
	});

	test('values of a template are copied for others by the verb reveal on that template', async () => {
		const owner = apiTokens.get('owner') ?? '';
		await account('templater', [rule('templates', ['create', 'get', 'update']), rule('secrets', ['create'])]);
		const template = `values-${callers.namespace}`;
		const usual = [rule('templates', ['get']), rule('deployments', ['create'])];
		await account('shown', [...usual, rule('templates', ['reveal'], [template])]);
		await account('hidden', [...usual, rule('templates', ['reveal'], ['another'])]);
		const send = (who: string, method: string, path: string, body: object) =>
			memory.send(method, path, { as: apiTokens.get(who) ?? owner, body });
		const services = [{ name: 'web', secrets: [{ key: 'TOKEN' }] }];
		expect((await send('templater', 'POST', '/api/templates', { name: template, services })).status).toBe(
			201,
		);
		const secret = { key: 'TOKEN', value: 'v', deploymentName: `template:${template}`, serviceName: 'web' };
		expect((await send('templater', 'POST', '/api/secrets', secret)).status).toBe(201);
		expect((await send('templater', 'PUT', `/api/templates/${template}`, { shared: true })).status).toBe(200);
		for (const [who, part] of [
			['shown', 'copied'],
			['hidden', 'missing'],
		] as const) {
			const body = { name: `${who}-${callers.namespace}`, org: 'acme', template };
			const made = await send(who, 'POST', '/api/deployments', body);
			expect(made.status, made.text).toBe(201);
			expect(made.json).toMatchObject({ [part]: [{ serviceName: 'web', key: 'TOKEN' }] });
		}
	});
});
