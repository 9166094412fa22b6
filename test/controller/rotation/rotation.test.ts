import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { AuditLines } from '../../../api/schemas/audit.ts';
import { indexEntryOf } from '../../../lib/kv/rotation-index.ts';
import { caller, startApi } from '../../api/support/api.ts';
import { vaultEnv } from '../../api/support/both.ts';
import { envtier } from '../../cli/support/command.ts';
import { destroySecret, must, putSecret, writePolicy } from '../../support/openbao-setup.ts';
import { rotationPolicy } from '../../support/rotation-policy.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { type RotationFixture, type RotationUnderTest, rotationFixture } from './support.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const EVERY = { every: '90d' };

describe('rotation on a real OpenBao, with the shipped policy', () => {
	let fixture: RotationFixture;
	beforeAll(async () => {
		fixture = await rotationFixture();
	});
	afterAll(() => fixture?.[Symbol.asyncDispose]());
	afterEach(async () => {
		fixture.proxy.setFault(() => 'pass');
		fixture.proxy.leaveOutDate(false);
		// What other tests made would be due as well.
		await fixture.clear();
	});

	const versionsOf = async (name: string): Promise<number> => (await fixture.versions(name)).length;
	const resultOf = ({ audit }: RotationUnderTest, name: string) =>
		audit.find(({ phase, key }) => phase === 'result' && key === name);
	let controls = 0;
	/**
	 * Lets the time pass, and runs a rotation until it has rotated a password that was written last. Those that
	 * are due for longest come first, so everything else that it would rotate is rotated by then.
	 */
	const passAndRun = async (ms: number): Promise<RotationUnderTest> => {
		controls += 1;
		const name = `CONTROL_${controls}`;
		await fixture.create(name, { every: '1h' });
		fixture.proxy.pass(ms);
		await using rotation = await fixture.start();
		await until('the last one', async () => (await versionsOf(name)) === 2);
		return rotation;
	};

	test('a password gets one new value when its time has passed, and the one before stays in the history', async () => {
		await fixture.create('PLAIN', EVERY, { generate: { length: 20, charset: 'hex' } });
		const first = await fixture.value('PLAIN');
		await using rotation = await fixture.start();
		await rotation.looks(2);
		fixture.proxy.pass(89 * DAY);
		await rotation.looks(3);
		expect(await versionsOf('PLAIN')).toBe(1);
		fixture.proxy.pass(DAY);
		await until('a new value', async () => (await versionsOf('PLAIN')) === 2);
		await rotation.looks(4);
		expect(await versionsOf('PLAIN')).toBe(2);
		const second = await fixture.value('PLAIN');
		expect(second).toMatch(/^[0-9a-f]{20}$/);
		expect(second).not.toBe(first);
		expect(await fixture.value('PLAIN', 1)).toBe(first);

		// Two lines of audit, as the API writes and loads them, and the value nowhere.
		expect(AuditLines.safeParse({ lines: rotation.audit }).success).toBe(true);
		const [intent, result] = rotation.audit.filter(({ key }) => key === 'PLAIN');
		const common = {
			actor: 'system:rotation',
			via: 'system',
			action: 'org.secrets.rotate',
			secretType: 'password',
		};
		expect(intent).toMatchObject({ phase: 'intent', scope: 'orgs/acme/secrets', ...common });
		expect(result).toMatchObject({ phase: 'result', result: 'done', status: 200, version: 2, ...common });
		expect([result?.eventId, result?.requestId]).toEqual([intent?.eventId, intent?.requestId]);
		const told = rotation.output() + JSON.stringify(rotation.audit);
		for (const secret of [first, second, fixture.token]) expect(told).not.toContain(secret);
		expect(await rotation.metric('envtier_controller_rotations_total{result="done"}')).toBe(1);
		expect(await rotation.metric('envtier_controller_rotation_look_age_seconds')).toBeLessThan(10);
	});

	test('what the API shows goes on: version, state and the time of the next value', async () => {
		const id = await fixture.create('SHOWN', { every: '1h' });
		await passAndRun(2 * HOUR);
		const detail = (await fixture.send('GET', `/api/org/secrets/${id}`)) as Record<string, unknown>;
		expect(detail).toMatchObject({ version: 2, state: 'live', type: 'password', rotation: { every: '1h' } });
		const listed = (await fixture.send('GET', '/api/org/secrets')) as readonly Record<string, unknown>[];
		expect(listed.find(({ key }) => key === 'SHOWN')).not.toHaveProperty('incomplete');
	});

	test('the history of versions names the rotation once its lines are loaded into the audit store', async () => {
		await using files = await scratch('rotation-audit');
		const alice = caller('user:alice');
		const platform = caller('user:platform', { roles: ['platform_admin'], org: undefined });
		await using api = await startApi({
			callers: [alice, platform],
			env: {
				...(await vaultEnv(fixture.bao)),
				ENVTIER_API_AUDIT_STORE: `sqlite:${join(files.dir, 'audit.db')}`,
			},
		});
		const body = { type: 'password', name: 'NAMED', rotation: { every: '1h' } };
		const made = await api.send('POST', '/api/org/secrets', { as: alice, body });
		const id = (made.json as { secrets: { id: string }[] }).secrets[0]?.id ?? '';
		const { audit } = await passAndRun(2 * HOUR);
		const writers = async () => {
			const answer = await api.send('GET', `/api/org/secrets/versions?id=${id}`, { as: alice });
			return (answer.json as { version: number; by: string }[]).map(({ version, by }) => `${version} ${by}`);
		};
		await until('the line of the API', async () => (await writers()).join() === '1 user:alice,2 ');
		const log = audit.map((line) => JSON.stringify({ type: 'audit', ...line })).join('\n');
		const env = { ENVTIER_API_URL: api.url, ENVTIER_API_TOKEN: platform.key };
		expect(await envtier(['audit', '--load', '-'], { env, input: log })).toMatchObject({ code: 0 });
		await until(
			'the line of the rotation',
			async () => (await writers()).join() === '1 user:alice,2 system:rotation',
		);
	});

	test('after a month without a controller there is one new value, not thirty', async () => {
		await fixture.create('DAILY', { every: '24h' });
		await passAndRun(30 * DAY);
		expect(await versionsOf('DAILY')).toBe(2);
		await passAndRun(2 * HOUR);
		expect(await versionsOf('DAILY')).toBe(2);
	});

	test('a start does nothing that was not due', async () => {
		await fixture.create('EARLY', EVERY);
		await passAndRun(90 * DAY - HOUR);
		expect(await versionsOf('EARLY')).toBe(1);
	});

	test('a password that somebody changed by hand an hour before waits for its whole time', async () => {
		const id = await fixture.create('BY_HAND', EVERY);
		fixture.proxy.pass(200 * DAY);
		await fixture.send('PUT', '/api/org/secrets', { id, value: 'chosen by a person' });
		await passAndRun(HOUR);
		expect(await fixture.value('BY_HAND')).toBe('chosen by a person');
		await passAndRun(90 * DAY - 2 * HOUR);
		expect(await versionsOf('BY_HAND')).toBe(2);
		await passAndRun(2 * HOUR);
		expect(await versionsOf('BY_HAND')).toBe(3);
	});

	test('of controllers that work at the same time one writes: each password has exactly one new value', async () => {
		const names = Array.from({ length: 8 }, (_, i) => `TWICE_${i}`);
		for (const name of names) await fixture.create(name, EVERY);
		fixture.proxy.pass(91 * DAY);
		await using first = await fixture.start();
		await using second = await fixture.start();
		await using third = await fixture.start();
		await until('new values', async () => {
			const all = await Promise.all(names.map(versionsOf));
			return all.every((count) => count > 1);
		});
		await Promise.all([first, second, third].map((one) => one.looks(3)));
		for (const name of names) expect(await versionsOf(name)).toBe(2);
		const done = [first, second, third].flatMap(({ audit }) =>
			audit.filter(
				(line) => line.phase === 'result' && line.result === 'done' && line.key.startsWith('TWICE'),
			),
		);
		expect(done.map(({ key }) => key).sort()).toEqual(names);
	});

	test('one that does not lead writes nothing', async () => {
		await fixture.create('FOLLOWED', EVERY);
		fixture.proxy.pass(91 * DAY);
		await using follower = await fixture.start({ isLeader: () => false });
		await follower.looks(4);
		expect(follower.audit).toEqual([]);
		expect(await versionsOf('FOLLOWED')).toBe(1);
		expect(await follower.metric('envtier_controller_rotations_due')).toBeGreaterThan(0);
	});

	test('Vault is sealed at the due time: one new value after it is unsealed', async () => {
		await fixture.create('SEALED', EVERY);
		await using rotation = await fixture.start();
		await rotation.looks(2);
		await fixture.bao.seal();
		fixture.proxy.pass(91 * DAY);
		await until('the log to say it', () => rotation.output().includes('rotations cannot be looked up'));
		await fixture.bao.unseal();
		await until('a new value', async () => (await versionsOf('SEALED')) === 2);
		await rotation.looks(3);
		expect(await versionsOf('SEALED')).toBe(2);
		expect(rotation.output()).toContain('rotations can be looked up again');
	});

	test('Vault is sealed between the look and the write: one new value after it is unsealed', async () => {
		await fixture.create('SEALED_LATE', EVERY);
		fixture.proxy.pass(91 * DAY);
		let sealed = false;
		fixture.proxy.setFault(async (_, step) => {
			if (!sealed && step.startsWith('PATCH')) {
				sealed = true;
				await fixture.bao.seal();
			}
			return 'pass' as const;
		});
		await using rotation = await fixture.start();
		await until('a failure', () => rotation.output().includes('password rotation failed'));
		const failed = rotation.audit.find((line) => line.phase === 'result' && line.result === 'failed');
		expect(failed).toMatchObject({ result: 'failed', status: 500 });
		await fixture.bao.unseal();
		await until('a new value', async () => (await versionsOf('SEALED_LATE')) === 2);
		await rotation.looks(3);
		expect(await versionsOf('SEALED_LATE')).toBe(2);
	});

	test('an answer that is lost does not make a second value', async () => {
		await fixture.create('LOST', EVERY);
		fixture.proxy.pass(91 * DAY);
		fixture.proxy.setFault((_, step) => (/^PATCH .*\/LOST$/.test(step) ? 'hold-answer' : 'pass'));
		await using rotation = await fixture.start();
		await until('a new value', async () => (await versionsOf('LOST')) === 2);
		fixture.proxy.setFault(() => 'pass');
		await using other = await fixture.start();
		await other.looks(4);
		await until('the failure', () => rotation.output().includes('password rotation failed'));
		expect(await versionsOf('LOST')).toBe(2);
	});

	test.each([
		[400, -400],
		[-400, 400],
	])('the clock of this machine is wrong by %i days: Vault’s clock decides', async (wrong) => {
		const name = `CLOCK_${wrong > 0 ? 'AHEAD' : 'BEHIND'}`;
		await fixture.create(name, EVERY);
		vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + wrong * DAY });
		try {
			await using rotation = await fixture.start();
			await rotation.looks(3);
			expect(await versionsOf(name)).toBe(1);
			fixture.proxy.pass(91 * DAY);
			await until('a new value', async () => (await versionsOf(name)) === 2);
			await rotation.looks(3);
			expect(await versionsOf(name)).toBe(2);
		} finally {
			vi.useRealTimers();
		}
	});

	test('without the clock of Vault nothing rotates, and the log says so', async () => {
		await fixture.create('DATELESS', EVERY);
		fixture.proxy.pass(91 * DAY);
		fixture.proxy.leaveOutDate(true);
		await using rotation = await fixture.start();
		await until('the log to say it', () => rotation.output().includes('has no header Date'));
		await rotation.looks(2);
		expect(await versionsOf('DATELESS')).toBe(1);
		fixture.proxy.leaveOutDate(false);
		await until('a new value', async () => (await versionsOf('DATELESS')) === 2);
	});

	describe('nothing is rotated, and nothing comes back, that', () => {
		test.each<[string, (id: string, name: string) => Promise<unknown>]>([
			['was deleted', (id) => fixture.send('DELETE', '/api/org/secrets', { id })],
			['was destroyed', (_, name) => destroySecret(fixture.bao, `orgs/acme/secrets/${name}`, [1])],
			['has no rotation any more', (id) => fixture.send('PUT', `/api/org/secrets/${id}`, { rotation: null })],
			[
				'was deleted and created again as another type',
				async (id, key) => {
					await fixture.send('DELETE', '/api/org/secrets', { id });
					await fixture.send('POST', '/api/org/secrets', { key, value: 'generic' });
				},
			],
			[
				'was deleted and written again in Vault',
				async (id, key) => {
					await fixture.send('DELETE', '/api/org/secrets', { id });
					await putSecret(fixture.bao, `orgs/acme/secrets/${key}`, 'by hand');
				},
			],
			[
				'was deleted and created again as a password that keeps its value',
				async (id, name) => {
					await fixture.send('DELETE', '/api/org/secrets', { id });
					await fixture.create(name, undefined);
				},
			],
			['was removed', (_, name) => must(fixture.bao, 'DELETE', `secret/metadata/orgs/acme/secrets/${name}`)],
		])('%s', async (what, change) => {
			const name = `GONE_${what.toUpperCase().replaceAll(/[^A-Z]/g, '_')}`;
			const id = await fixture.create(name, EVERY);
			await change(id, name);
			const metadata = () => fixture.bao.request('GET', `secret/metadata/orgs/acme/secrets/${name}`);
			const before = (await metadata()).json as { data?: unknown };
			await passAndRun(91 * DAY);
			expect(((await metadata()).json as { data?: unknown }).data).toEqual(before.data);
		});

		test('is deleted between the look and the write: it stays deleted', async () => {
			const id = await fixture.create('DELETED_LATE', EVERY);
			fixture.proxy.pass(91 * DAY);
			fixture.proxy.setFault(async (_, step) => {
				if (/^PATCH .*\/DELETED_LATE$/.test(step)) await fixture.send('DELETE', '/api/org/secrets', { id });
				return 'pass' as const;
			});
			await using rotation = await fixture.start();
			const result = await until('its end', () => resultOf(rotation, 'DELETED_LATE'));
			expect(result).toMatchObject({ result: 'refused', status: 404 });
			await rotation.looks(2);
			expect(await fixture.versions('DELETED_LATE')).toEqual([{ deleted: true, destroyed: false }]);
		});

		test('is changed by hand between the look and the write: the value of the person stays', async () => {
			const id = await fixture.create('CHANGED_LATE', EVERY);
			fixture.proxy.pass(91 * DAY);
			fixture.proxy.setFault(async (_, step) => {
				if (/^PATCH .*\/CHANGED_LATE$/.test(step))
					await fixture.send('PUT', '/api/org/secrets', { id, value: 'of a person' });
				return 'pass' as const;
			});
			await using rotation = await fixture.start();
			const result = await until('its end', () => resultOf(rotation, 'CHANGED_LATE'));
			expect(result).toMatchObject({ result: 'refused', status: 409 });
			await rotation.looks(2);
			expect(await fixture.value('CHANGED_LATE')).toBe('of a person');
			expect(await versionsOf('CHANGED_LATE')).toBe(2);
		});
	});

	test('a deleted password that is undeleted rotates again', async () => {
		const id = await fixture.create('BACK', EVERY);
		await fixture.send('DELETE', '/api/org/secrets', { id });
		await passAndRun(91 * DAY);
		await fixture.send('POST', '/api/org/secrets/undelete', { id });
		await passAndRun(2 * HOUR);
		expect(await fixture.versions('BACK')).toEqual(Array(2).fill({ deleted: false, destroyed: false }));
	});

	test('many that are due at once do not storm Vault: one at a time, no faster than the rate', async () => {
		const names = Array.from({ length: 10 }, (_, i) => `MANY_${i}`);
		for (const name of names) await fixture.create(name, EVERY);
		fixture.proxy.pass(91 * DAY);
		const began = performance.now();
		await using rotation = await fixture.start({ perMinute: 600 });
		await until('all', async () => (await Promise.all(names.map(versionsOf))).every((count) => count === 2));
		expect(performance.now() - began).toBeGreaterThan(10 * 100 - 50);
		expect(fixture.proxy.mostAtOnce('PATCH')).toBe(1);
		expect(fixture.proxy.mostAtOnce('GET')).toBeLessThanOrEqual(8);
		const done = rotation.audit.filter(({ phase, key }) => phase === 'result' && key.startsWith('MANY'));
		expect(done).toHaveLength(10);
	});

	describe('what somebody plants in Vault', () => {
		const plant = async (name: string, metadata: object): Promise<void> => {
			await must(fixture.bao, 'POST', `secret/data/registry/rotations/${name}`, {
				body: { data: { marker: 'x' } },
			});
			await must(fixture.bao, 'POST', `secret/metadata/registry/rotations/${name}`, {
				body: { custom_metadata: metadata },
			});
		};

		test('an entry of the index leads nowhere but to its own secret', async () => {
			await putSecret(fixture.bao, 'orgs/acme/secrets/PLANTED', 'v');
			const own = indexEntryOf('orgs/acme/secrets/PLANTED');
			for (const [name, metadata] of [
				['a'.repeat(32), { kind: 'org', name: 'acme', key: 'PLANTED' }],
				[indexEntryOf('users/x/secrets/KEY'), { kind: 'user', name: 'x', key: 'KEY' }],
				[indexEntryOf('orgs/../registry/secrets/KEY'), { kind: 'org', name: '../registry', key: 'KEY' }],
				[indexEntryOf('orgs/acme/secrets/../KEY'), { kind: 'org', name: 'acme', key: '../KEY' }],
				[indexEntryOf('templates/t/secrets/KEY'), { kind: 'template', name: 't', key: 'KEY' }],
				['not-an-entry', { kind: 'org', name: 'acme', key: 'PLANTED' }],
				['b'.repeat(32), {}],
				// Its own, but it is no password of the API.
				[own, { kind: 'org', name: 'acme', key: 'PLANTED' }],
			] as const)
				await plant(name, metadata);
			fixture.proxy.setFault(() => 'pass');
			const rotation = await passAndRun(10_000 * DAY);
			expect(await fixture.value('PLANTED')).toBe('v');
			const read = fixture.proxy.steps().filter((step) => !step.includes('/registry/rotations'));
			expect(read.filter((step) => /users|templates|\.\.|%2e/i.test(step))).toEqual([]);
			expect(rotation.output()).not.toContain('defect');
		});

		test.each([
			['1s 32 alnum', 'password'],
			['1h 99999999999 alnum', 'password'],
			['{"every":"1h"}', 'password'],
			['1h 32 alnum', 'generic'],
			['1h 32 alnum', 'userpass'],
		])('the rotation %s of a %s', async (rotation, type) => {
			const name = `HOSTILE_${indexEntryOf(rotation + type).slice(0, 8)}`;
			await fixture.create(name, { every: '1h' });
			await must(fixture.bao, 'POST', `secret/metadata/orgs/acme/secrets/${name}`, {
				body: { custom_metadata: { type, name, group: 's 1 1', stamp: 'v1-a', rotation } },
			});
			const rotated = await passAndRun(10 * DAY);
			expect(await versionsOf(name)).toBe(1);
			expect(rotated.output()).not.toContain('defect');
		});
	});

	test('the token can write a new version and nothing else: no value, no list of secrets, no deletion', async () => {
		await fixture.create('BLIND', EVERY);
		const path = 'orgs/acme/secrets/BLIND';
		const status = async (method: string, at: string, body?: object): Promise<number> =>
			(await send(method, at, body)).status;
		const send = (method: string, at: string, body?: object) =>
			fixture.bao.request(method, `secret/${at}`, {
				token: fixture.token,
				body,
				...(method === 'PATCH' ? { headers: { 'content-type': 'application/merge-patch+json' } } : {}),
			});
		const cas = { data: { value: 'v' }, options: { cas: 1 } };
		expect(await status('GET', `data/${path}`)).toBe(403);
		expect(await status('GET', `data/${path}?version=1`)).toBe(403);
		expect(await status('GET', `subkeys/${path}`)).toBe(403);
		expect(await status('POST', `data/${path}`, cas)).toBe(403);
		expect(await status('POST', 'data/orgs/acme/secrets/NEW', cas)).toBe(403);
		expect(await status('PATCH', 'data/orgs/acme/secrets/NEW', cas)).toBe(404);
		for (const part of ['data', 'metadata']) expect(await status('DELETE', `${part}/${path}`)).toBe(403);
		for (const part of ['delete', 'undelete', 'destroy'])
			expect(await status('POST', `${part}/${path}`, { versions: [1] })).toBe(403);
		expect(await status('PATCH', `metadata/${path}`, { custom_metadata: { rotation: null } })).toBe(403);
		for (const folder of [
			'metadata/orgs/',
			'metadata/orgs/acme/secrets/',
			'detailed-metadata/orgs/acme/secrets/',
		])
			expect(await status('GET', `${folder}?list=true`)).toBe(403);
		expect(await status('GET', 'data/registry/access/deployments/shop')).toBe(403);
		expect(await status('GET', `metadata/${path}`)).toBe(200);
		const patched = await send('PATCH', `data/${path}`, cas);
		expect(patched.status).toBe(200);
		expect(patched.text).not.toContain('"value"');
	});

	test('a policy that lacks a line is told with the line', async () => {
		await fixture.create('REFUSED', EVERY);
		fixture.proxy.pass(91 * DAY);
		const policy = (await rotationPolicy()).replace(
			'path "secret/data/orgs/+/secrets/+" ',
			'path "secret/none" ',
		);
		await writePolicy(fixture.bao, 'envtier-rotation', policy);
		try {
			await using rotation = await fixture.start();
			await until('the log to say it', () =>
				rotation
					.output()
					.includes('path \\"secret/data/orgs/acme/secrets/REFUSED\\" { capabilities = [\\"patch\\"] }'),
			);
			expect(await rotation.metric('envtier_controller_rotations_total{result="failed"}')).toBeGreaterThan(0);
		} finally {
			await writePolicy(fixture.bao, 'envtier-rotation', await rotationPolicy());
		}
	});
});
