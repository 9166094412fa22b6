/** What was decided on one template or deployment is not done to another one of the same name. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCOPES } from '../../api/auth/caller.ts';
import { startAttempt } from '../../api/deployments/attempt.ts';
import { createDeployment } from '../../api/deployments/create-deployment.ts';
import { requireOwned } from '../../api/routes/ownership.ts';
import { createSecret } from '../../api/secrets/secrets.ts';
import type { Store } from '../../api/store/store.ts';
import {
	changeTemplate,
	createTemplate,
	deleteTemplate,
	ownTemplate,
	templatesOf,
	usableTemplate,
} from '../../api/templates/templates.ts';
import { createGenerators } from '../../api/types/generators.ts';
import { ok } from '../../contract/result.ts';
import type { RecordStep } from '../../lib/audit/steps.ts';
import { BACKENDS, type StoreUnderTest } from './support/stores.ts';

const ALICE = { subject: 'user:alice', org: 'acme' };
const BOB = { subject: 'user:bob', org: 'acme' };
const UNAUDITED: RecordStep = (_action, _note, work) => work();
const at = () => new Date();

describe.each(Object.entries(BACKENDS))('on %s', (_name, open) => {
	let under: StoreUnderTest;
	let store: Store;
	let counter = 0;
	beforeAll(async () => {
		under = await open();
		store = under.store;
	});
	afterAll(() => under?.[Symbol.asyncDispose]());

	const caller = (who: typeof ALICE) =>
		({ kind: 'api-key', ...who, roles: new Set<never>(), scopes: new Set(SCOPES) }) as const;
	const allow = () => Promise.resolve(ok(undefined));
	const location = (template: string, service?: string) =>
		({ kind: 'template', template, ...(service === undefined ? {} : { service }) }) as const;
	const create = (name: string, who = ALICE, services: [] = []) =>
		createTemplate(store, { name, services }, who, { subject: who.subject, at: at() });
	const own = async (name: string, who = ALICE) => {
		const found = await ownTemplate(store, name, who);
		if (!found.ok) throw new Error(found.error.message);
		return found.value;
	};
	const remove = (name: string, who = ALICE) => deleteTemplate(store, name, who, UNAUDITED);
	/** What a call to write a secret has decided, before it writes. */
	const decided = async (name: string, who = ALICE) => {
		const found = await requireOwned(
			{ store, caller: caller(who), note: () => undefined, authorize: allow, accessMode: 'api' },
			'create',
			{ location: location(name), key: 'K' },
		);
		if (!found.ok) throw new Error(found.error.message);
		return found.value;
	};
	const write = (name: string, isStillOwned: Awaited<ReturnType<typeof decided>>['isStillOwned']) =>
		createSecret(
			store,
			{ location: location(name), key: 'K' },
			{ value: 'planted', description: '' },
			{ subject: 'user:alice', at: at() },
			{ overwritesPerHour: 1, isStillOwned },
		);

	test('a delayed change does not reach a template that was created later, nor its owner', async () => {
		const name = `recreated-${++counter}`;
		await create(name);
		const old = await own(name);
		await remove(name);
		expect((await changeTemplate(store, old, { services: [] })).ok).toBe(false);
		await create(name, BOB);
		expect((await changeTemplate(store, old, { services: [{ name: 'x', image: '', secrets: [] }] })).ok).toBe(
			false,
		);
		expect((await changeTemplate(store, old, { shared: true })).ok).toBe(false);
		expect(await own(name, BOB)).toMatchObject({ owner: 'user:bob', services: [], shared: false });
	});

	test('a secret that is written after its template was deleted is taken back', async () => {
		const name = `late-${++counter}`;
		await create(name);
		const before = await decided(name);
		await remove(name);
		expect((await write(name, before.isStillOwned)).ok).toBe(false);
		expect(await store.head(`templates/${name}/secrets/K`)).toBeUndefined();
		// So its name is free.
		expect((await create(name, BOB)).ok).toBe(true);
		expect((await write(name, before.isStillOwned)).ok).toBe(false);
		expect(await store.head(`templates/${name}/secrets/K`)).toBeUndefined();
	});

	test.each([
		['a secret', 'secrets/A'],
		['a secret of a service', 'services/web/secrets/A'],
		['something that is no secret', 'notes'],
	])('a template is not created over what lies there already: %s', async (_what, path) => {
		const name = `planted-${++counter}`;
		await store.put(`templates/${name}/${path}`, { value: 'planted' }, 0);
		const refused = await create(name);
		expect(refused).toMatchObject({ ok: false, error: { status: 409 } });
		const taken = `taken-${counter}`;
		await create(taken, BOB);
		const other = await create(taken);
		expect(!other.ok && !refused.ok && other.error.message.replace(taken, name)).toBe(
			!refused.ok && refused.error.message,
		);
		expect((await templatesOf(store, ALICE)).map((one) => one.name)).not.toContain(name);
	});

	test('a deletion takes along what others left below the template, so the name is free again', async () => {
		const name = `littered-${++counter}`;
		await create(name);
		for (const path of ['secrets/not.a.key', 'services/web/secrets/A', 'notes'])
			await store.put(`templates/${name}/${path}`, { value: 'v' }, 0);
		expect((await remove(name, BOB)).ok).toBe(false);
		expect((await remove(name)).ok).toBe(true);
		expect((await remove(name)).ok).toBe(false);
		expect(await store.list(`templates/${name}`)).toEqual(['definition']);
		expect((await create(name, BOB)).ok).toBe(true);
	});

	test('an interrupted deletion leaves the template unusable, and is finished by the next one', async () => {
		const name = `half-${++counter}`;
		await create(name);
		const before = await decided(name);
		await store.put(`templates/${name}/secrets/A`, { value: 'v' }, 0);
		const failing: RecordStep = () => Promise.reject(new Error('made by the test'));
		await expect(deleteTemplate(store, name, ALICE, failing)).rejects.toThrow('made by the test');
		expect((await usableTemplate(store, name, ALICE)).ok).toBe(false);
		expect((await write(name, before.isStillOwned)).ok).toBe(false);
		expect((await create(name)).ok).toBe(false);
		expect((await remove(name)).ok).toBe(true);
		expect((await create(name, BOB)).ok).toBe(true);
	});

	test('of many who delete and create at the same time, each name has one template or none', async () => {
		const name = `churn-${++counter}`;
		await create(name);
		for (let round = 0; round < 10; round += 1) {
			const [, ...made] = await Promise.all([
				remove(name),
				create(name, BOB),
				remove(name),
				create(name, ALICE),
			]);
			expect(made.filter((one) => one.ok).length).toBeLessThanOrEqual(3);
			await remove(name, BOB);
			await remove(name);
			expect((await create(name)).ok).toBe(true);
			expect((await templatesOf(store, ALICE)).map((one) => one.name)).toContain(name);
		}
	});

	test('a copy of a template that is replaced or no longer shared meanwhile is taken back', async () => {
		for (const [what, happen] of [
			[
				'replaced',
				async (name: string) => {
					await remove(name);
					await create(name);
				},
			],
			[
				'unshared',
				async (name: string) => void (await changeTemplate(store, await own(name), { shared: false })),
			],
		] as const) {
			const name = `source-${++counter}`;
			await create(name);
			await changeTemplate(store, await own(name), { shared: true });
			await write(name, (await decided(name)).isStillOwned);
			const found = await usableTemplate(store, name, BOB);
			if (!found.ok) throw new Error('not usable');
			const deployment = `copy-${counter}`;
			const wanted = {
				deployment: { name: deployment, owner: BOB.subject, org: 'acme', template: name, createdAt: '' },
				template: found.value,
				copiesValues: true,
				adopt: false,
				generators: createGenerators(),
			};
			let happened = false;
			const step: RecordStep = async (action, _note, work) => {
				if (action === 'deployments.create' && !happened) {
					happened = true;
					await happen(name);
				}
				return await work();
			};
			const by = { subject: BOB.subject, at: at(), step, requestId: 'test', attempt: startAttempt(at()) };
			const undoing = { add: () => undefined, settle: () => Promise.resolve() };
			const made = await createDeployment(store, wanted, by, undoing);
			expect([happened, made.ok], what).toEqual([true, false]);
			expect(await store.list(`deployments/${deployment}`), what).toEqual([]);
			expect(await store.head(`registry/deployments/${deployment}`), what).toBeUndefined();
		}
	});

	test('a secret of a deployment whose registration is replaced meanwhile is taken back', async () => {
		const name = `again-${++counter}`;
		const marker = `registry/deployments/${name}`;
		const register = async (owner: string, when: string) => {
			await store.put(marker, { marker: 'envtier' }, 0);
			await store.describe(marker, { owner, org: 'acme', created_at: when });
		};
		await register(ALICE.subject, '2026-01-01T00:00:00Z');
		const ref = { location: { kind: 'deployment', deployment: name } as const, key: 'K' };
		const before = await requireOwned(
			{ store, caller: caller(ALICE), note: () => undefined, authorize: allow, accessMode: 'api' },
			'create',
			ref,
		);
		if (!before.ok) throw new Error('not owned');
		await store.remove(marker);
		await register(ALICE.subject, '2026-02-02T00:00:00Z');
		const auditStamp = { subject: ALICE.subject, at: at() };
		const late = await createSecret(store, ref, { value: 'v', description: '' }, auditStamp, {
			overwritesPerHour: 1,
			isStillOwned: before.value.isStillOwned,
		});
		expect(late).toMatchObject({ ok: false, error: { status: 403 } });
		expect(await store.head(`deployments/${name}/secrets/K`)).toBeUndefined();
	});
});
