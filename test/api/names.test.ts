/** A deployment's name has one owner, who never gets secrets that others left below it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAttempt } from '../../api/deployments/attempt.ts';
import { createDeployment } from '../../api/deployments/create-deployment.ts';
import { createGenerators } from '../../api/types/generators.ts';
import type { RecordStep } from '../../lib/audit/steps.ts';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { deleteSecret, must, putSecret } from '../support/openbao-setup.ts';
import { caller, startApi } from './support/api.ts';
import { type OnStore, onVault, STORES, vaultEnv } from './support/both.ts';
import { type Issuer, startIssuer } from './support/issuer.ts';
import { apiToken, BACKENDS, type StoreUnderTest } from './support/stores.ts';

const alice = caller('user:alice');
const evil = caller('user:eve', { org: 'evil', roles: ['org_owner', 'org_admin'] });
const operator = caller('user:alice', { roles: ['platform_admin'] });
const weak = caller('user:alice', { roles: ['platform_admin'], scopes: ['secrets:read'] });

const AT = new Date('2026-01-01T00:00:00Z');
const UNAUDITED: RecordStep = (_action, _note, work) => work();
const UNDO_QUEUE = { add: () => undefined, settle: () => Promise.resolve() };

describe.each(Object.entries(BACKENDS))('a name below which something lies, on %s', (_name, open) => {
	let under: StoreUnderTest;
	let counter = 0;
	beforeAll(async () => {
		under = await open();
	});
	afterAll(() => under?.[Symbol.asyncDispose]());

	const register = (name: string, adopt: boolean) => {
		const deployment = { name, owner: 'user:alice', org: 'acme', template: '', createdAt: AT.toISOString() };
		const wanted = {
			deployment,
			template: undefined,
			copiesValues: false,
			adopt,
			generators: createGenerators(),
		};
		const by = {
			subject: 'user:alice',
			at: new Date(),
			step: UNAUDITED,
			requestId: 'test',
			attempt: startAttempt(new Date()),
		};
		return createDeployment(under.store, wanted, by, UNDO_QUEUE);
	};

	test.each([
		['a secret of all services', 'secrets/NODE_OPTIONS'],
		['a secret of one service', 'services/web/secrets/DB_URL'],
		['a secret that no pod could receive', 'secrets/not.a.key'],
	])('is given only to whoever adopts it: %s', async (_what, path) => {
		const name = `left-${++counter}`;
		await under.store.put(`deployments/${name}/${path}`, { value: 'v' }, 0);
		expect(await register(name, false)).toEqual({ ok: false, error: { unavailable: 'occupied' } });
		expect(await under.store.head(`registry/deployments/${name}`)).toBeUndefined();
		expect(await register(name, true)).toMatchObject({ ok: true });
		expect(await under.store.head(`deployments/${name}/${path}`)).toMatchObject({ version: 1, live: true });
		expect(await register(name, true)).toEqual({ ok: false, error: { unavailable: 'registered' } });
	});
});

describe('over the API, on a Vault into which an operator wrote before', () => {
	let on: OnStore;
	let bao: OpenBao;
	beforeAll(async () => {
		on = await onVault({
			callers: [alice, evil, operator, weak],
			env: { ENVTIER_API_DEPLOYMENT_NAMES: 'globex=globex-*' },
		});
		if (on.bao === undefined) throw new Error('no OpenBao');
		bao = on.bao;
		await on.api.send('POST', '/api/deployments', { as: alice, body: { name: 'registered', org: 'acme' } });
	});
	afterAll(() => on?.[Symbol.asyncDispose]());

	const create = (name: string, as = evil, more: object = {}) =>
		on.api.send('POST', '/api/deployments', { as, body: { name, org: as.record.org, ...more } });

	const LEFT: Record<string, (name: string) => Promise<unknown>> = {
		'a live secret': (name) => putSecret(bao, `deployments/${name}/secrets/DB_PASSWORD`, 'v'),
		'a live secret of a service': (name) => putSecret(bao, `deployments/${name}/services/web/secrets/A`, 'v'),
		'a deleted secret': async (name) => {
			await putSecret(bao, `deployments/${name}/secrets/A`, 'v');
			await deleteSecret(bao, `deployments/${name}/secrets/A`);
		},
		'metadata alone': (name) =>
			must(bao, 'POST', `secret/metadata/deployments/${name}/services/web/secrets/A`, {
				body: { max_versions: 3 },
			}),
		'something else': (name) => putSecret(bao, `deployments/${name}/notes`, 'v'),
	};

	test.each(Object.entries(LEFT))('%s keeps a name from being taken over', async (what, leave) => {
		const name = `payments-${Object.keys(LEFT).indexOf(what)}`;
		await leave(name);
		expect((await create(name)).status).toBe(409);
		// The name still has no owner.
		const secret = { key: 'LOG_LEVEL', value: 'v', deploymentName: name };
		expect((await on.api.send('POST', '/api/secrets', { as: evil, body: secret })).status).toBe(403);
		expect((await on.api.send('GET', `/api/secrets?deployment=${name}`, { as: evil })).status).toBe(403);
		expect((await create(name, operator)).status).toBe(409);
		expect((await create(name, operator, { adopt: true })).status).toBe(201);
		expect((await on.api.send('GET', `/api/secrets?deployment=${name}`, { as: operator })).status).toBe(200);
	});

	test('the refusal is the same whether a name is registered, reserved, or has secrets', async () => {
		await putSecret(bao, 'deployments/occupied/secrets/A', 'v');
		const refusals = await Promise.all(
			['registered', 'globex-web', 'occupied'].map(async (name) => {
				const { status, text } = await create(name);
				return [status, text.replace(name, 'NAME')];
			}),
		);
		expect(new Set(refusals.map((one) => JSON.stringify(one))).size).toBe(1);
		expect(refusals[0]?.[0]).toBe(409);
		// Who may adopt is told what stands in the way.
		expect((await create('registered', operator)).text).toContain('registered already');
		expect((await create('globex-web', operator)).text).toContain('reserved for another organization');
		expect((await create('occupied', operator)).text).toContain('adopt');
	});

	test('adopting is refused alike for names with and without secrets to whoever has no right to it', async () => {
		await putSecret(bao, 'deployments/not-for-eve/secrets/A', 'v');
		for (const name of ['not-for-eve', 'nothing-here', 'registered', 'globex-web']) {
			const refused = await create(name, evil, { adopt: true });
			expect([refused.status, refused.text]).toEqual([403, expect.stringContaining('platform_admin')]);
		}
		expect((await create('not-for-eve', weak, { adopt: true })).status).toBe(403);
	});

	test('a registered name stays its owner’s, and a reserved one can be adopted', async () => {
		expect((await create('registered', operator, { adopt: true })).status).toBe(409);
		expect((await create('globex-web', operator, { adopt: true })).status).toBe(201);
		const before = on.api.auditLines().length;
		expect((await create('free', operator, { adopt: true })).status).toBe(201);
		const adopted = on.api
			.auditLines()
			.slice(before)
			.filter(({ action }) => action === 'deployments.adopt');
		expect(adopted).toMatchObject([{ phase: 'intent' }, { phase: 'result', result: 'done' }]);
		expect(adopted[0]).toMatchObject({ actor: 'user:alice', scope: 'deployments/free' });
	});

	test('the right that this takes in Vault shows the folders of one name, not which names there are, and no value', async () => {
		await putSecret(bao, 'deployments/looked-at/secrets/A', 'v');
		const as = { token: await apiToken(bao) };
		const status = async (method: string, path: string) =>
			(await bao.request(method, `secret/${path}`, as)).status;
		expect(await status('LIST', 'metadata/deployments/looked-at/')).toBe(200);
		expect(await status('LIST', 'metadata/deployments/')).toBe(403);
		expect(await status('GET', 'data/deployments/looked-at/secrets/A')).toBe(403);
		expect(await status('GET', 'metadata/deployments/looked-at/notes')).toBe(403);
	});

	test('a copy to an adopted name leaves alone what was there', async () => {
		await putSecret(bao, 'deployments/adopted/secrets/A', 'by hand');
		const send = (path: string, body: object) => on.api.send('POST', path, { as: operator, body });
		await send('/api/templates', { name: 'kept', services: [{ name: 'web', secrets: [{ key: 'C' }] }] });
		for (const key of ['A', 'B'])
			await send('/api/secrets', { key, value: 'from template', deploymentName: 'template:kept' });
		expect((await create('adopted', operator, { template: 'kept', adopt: true })).json).toMatchObject({
			copied: [{ serviceName: '', key: 'B' }],
			kept: [{ serviceName: '', key: 'A' }],
			missing: [{ serviceName: 'web', key: 'C' }],
		});
		const read = await must(bao, 'GET', 'secret/data/deployments/adopted/secrets/A');
		expect(read).toMatchObject({ data: { data: { value: 'by hand' } } });
	});
});

describe('the role platform_admin', () => {
	let issuer: Issuer;
	let bao: OpenBao;
	beforeAll(async () => {
		issuer = await startIssuer();
		bao = await startOpenBao();
	});
	afterAll(async () => {
		await issuer?.[Symbol.asyncDispose]();
		await bao?.stop();
	});

	test('comes from a claim of the issuer, and no key made over the API has it', async () => {
		const oidc = { ENVTIER_API_OIDC_ISSUER: issuer.url, ENVTIER_API_OIDC_CA: issuer.caPem };
		await using api = await startApi({ env: { ...(await vaultEnv(bao)), ...oidc } });
		const rights = { sub: 'olga', org: 'acme', scope: 'secrets:read secrets:write' };
		const admin = await issuer.session({ ...rights, roles: ['org_owner', 'acme:platform_admin'] });
		const platform = await issuer.session({ ...rights, roles: ['platform_admin', 'org_admin'] });
		await putSecret(bao, 'deployments/claimed/secrets/A', 'v');
		const body = { name: 'claimed', org: 'acme', adopt: true };
		expect((await api.send('POST', '/api/deployments', { as: admin, body })).status).toBe(403);
		const key = { name: 'ci', scopes: ['secrets:write'], roles: ['platform_admin'] };
		expect((await api.send('POST', '/api/keys', { as: platform, body: key })).status).toBe(400);
		expect((await api.send('POST', '/api/deployments', { as: platform, body })).status).toBe(201);
	});
});

test.each(Object.entries(STORES))(
	'a reserved name goes to its organization, kept in %s',
	async (_name, open) => {
		const env = { ENVTIER_API_DEPLOYMENT_NAMES: 'acme=shop-*' };
		await using on = await open({ callers: [alice, evil, operator], env });
		const create = (name: string, as: typeof alice) =>
			on.api.send('POST', '/api/deployments', { as, body: { name, org: as.record.org } });
		expect((await create('shop-web', evil)).status).toBe(409);
		expect((await create('shop-web', alice)).status).toBe(201);
		expect((await create('blog', evil)).status).toBe(201);
	},
);
