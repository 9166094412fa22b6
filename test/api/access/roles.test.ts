/** Each cell of role × operation × kind of caller, over HTTP and on each store. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEPLOYMENT_OPERATIONS, type DeploymentOperation } from '../../../api/access/operations.ts';
import { type CallerRole, SCOPES } from '../../../api/auth/caller.ts';
import { type Caller, caller } from '../support/api.ts';
import { type OnStore, STORES } from '../support/both.ts';
import { type Issuer, startIssuer } from '../support/issuer.ts';
import { ATTEMPTS, cellOf, FOR_PERSONS, FURTHER_ATTEMPTS, TABLE_ROLES } from '../support/role-table.ts';

const KINDS = ['api-key', 'session'] as const;
type TableRole = (typeof TABLE_ROLES)[number];

/** The role that the credentials have; the other roles come from the membership. */
const ORG_ROLE: Readonly<Partial<Record<TableRole, CallerRole>>> = {
	org_admin: 'org_admin',
	org_owner: 'org_owner',
};

test('every operation but those of the Reveal program is tried', () => {
	// test/api/access/reveal.test.ts tries them.
	const elsewhere = DEPLOYMENT_OPERATIONS.filter((operation) => operation !== 'reveal');
	expect(Object.keys(ATTEMPTS).sort()).toEqual([...elsewhere].sort());
});

describe.each(Object.entries(STORES))('on %s', (_name, open) => {
	let on: OnStore;
	let issuer: Issuer;
	let counter = 0;
	let id: string;
	const unique = () => `n${++counter}`;
	const keys = new Map<TableRole, Caller>();
	const sessions = new Map<TableRole, string>();
	const globex = caller('user:gina', { org: 'globex' });
	const owner = caller('user:owner', { roles: [] });

	const send = (method: string, path: string, as: Caller | string, body?: object) =>
		on.api.send(method, path, { as, body });

	beforeAll(async () => {
		issuer = await startIssuer();
		for (const role of TABLE_ROLES) {
			const roles = ORG_ROLE[role] === undefined ? [] : [ORG_ROLE[role]];
			keys.set(role, caller(`user:${role}`, { roles }));
			const claims = { sub: role, org: 'acme', roles, scope: SCOPES.join(' ') };
			sessions.set(role, await issuer.session(claims));
		}
		const env = {
			...{ ENVTIER_API_OIDC_ISSUER: issuer.url, ENVTIER_API_OIDC_CA: issuer.caPem },
			ENVTIER_API_OVERWRITES_PER_HOUR: '1000',
		};
		on = await open({ callers: [owner, globex, ...keys.values()], env });
		const made = await send('POST', '/api/deployments', owner, { name: 'shop', org: 'acme' });
		expect(made.status, made.text).toBe(201);
		const manager = await issuer.session({ sub: 'owner', org: 'acme', scope: SCOPES.join(' ') });
		for (const role of ['viewer', 'developer', 'manager']) {
			const member = { member: `user:${role}`, role };
			const added = await send('POST', '/api/deployments/shop/members', manager, member);
			expect(added.status, added.text).toBe(201);
		}
		const secret = { key: 'SHARED', value: 'v', deploymentName: 'shop' };
		id = ((await send('POST', '/api/secrets', owner, secret)).json as { id: string }).id;
	});
	afterAll(async () => {
		await on?.[Symbol.asyncDispose]();
		await issuer?.[Symbol.asyncDispose]();
	});

	/** The status that the table says for one cell. */
	const statusOf = (
		role: TableRole,
		operation: DeploymentOperation,
		kind: string,
		allowed: number,
	): number => {
		const forbidden = kind === 'api-key' && FOR_PERSONS.includes(operation);
		return !forbidden && cellOf(role, operation) === 'y' ? allowed : 403;
	};

	describe.each(KINDS)('by %s', (kind) => {
		test.each(Object.entries(ATTEMPTS))('%s: each role', async (name, attemptAt) => {
			const operation = name as DeploymentOperation;
			for (const role of TABLE_ROLES) {
				const { method, path, body, allowed } = attemptAt({ deployment: 'shop', id, unique });
				const as = (kind === 'session' ? sessions : keys).get(role);
				const answer = await send(method, path, as ?? '', body);
				expect(answer.status, `${role}: ${answer.text}`).toBe(statusOf(role, operation, kind, allowed));
			}
		});
	});

	test.each(Object.entries(FURTHER_ATTEMPTS))('%s: each role by sessions', async (_what, further) => {
		const [operation, attemptAt] = further;
		for (const role of TABLE_ROLES) {
			const { method, path, body, allowed } = attemptAt({ deployment: 'shop', id, unique });
			const answer = await send(method, path, sessions.get(role) ?? '', body);
			const expected = statusOf(role, operation, 'session', allowed);
			expect(answer.status, `${role}: ${answer.text}`).toBe(expected);
		}
	});

	test('a refusal is the same for a deployment of others and for one that does not exist', async () => {
		for (const make of Object.values(ATTEMPTS))
			for (const as of [sessions.get('outsider') ?? '', globex]) {
				const answerAt = async (deployment: string) => {
					const foreign = Buffer.from(`gone deployments/${deployment}/secrets/GONE`).toString('base64url');
					const attempt = make({ deployment, id: `s2_${foreign}`, unique: () => 'same' });
					const { status, text } = await send(attempt.method, attempt.path, as, attempt.body);
					return { status, text };
				};
				expect(await answerAt('shop')).toEqual(await answerAt('absent'));
				expect((await answerAt('shop')).status).toBe(403);
			}
	});

	test.each([
		['viewer', 'audit', 'your role in this deployment is viewer, and this needs manager'],
		['viewer', 'create', 'your role in this deployment is viewer, and this needs developer or manager'],
		['developer', 'members', 'your role in this deployment is developer, and this needs manager'],
		[
			'manager',
			'destroy',
			'your role in this deployment is manager, and this needs org_owner or org_admin in its organization',
		],
	] as const)('a %s is told what the operation %s needs', async (role, operation, error) => {
		const { method, path, body } = ATTEMPTS[operation]?.({ deployment: 'shop', id, unique }) ?? {};
		const answer = await send(method ?? '', path ?? '', sessions.get(role) ?? '', body);
		expect(answer).toMatchObject({ status: 403, json: { error } });
	});

	test('each caller gets the deployments and the role there in the list', async () => {
		for (const role of TABLE_ROLES) {
			const listed = (await send('GET', '/api/deployments', sessions.get(role) ?? '')).json;
			const expected = { name: 'shop', owner: 'user:owner', org: 'acme', role };
			expect(listed).toEqual(role === 'outsider' ? [] : [expect.objectContaining(expected)]);
		}
		expect((await send('GET', '/api/deployments', globex)).json).toEqual([]);
	});

	test('a role of another organization gives nothing, also when the session has both', async () => {
		const claims = {
			sub: 'both',
			org: ['acme', 'globex'],
			roles: ['globex:org_admin'],
			scope: SCOPES.join(' '),
		};
		const session = await issuer.session(claims);
		for (const org of ['acme', 'globex']) {
			const headers = { 'envtier-org': org };
			const answer = await on.api.send('GET', '/api/deployments/shop', { as: session, headers });
			expect(answer.status).toBe(403);
		}
	});
});
