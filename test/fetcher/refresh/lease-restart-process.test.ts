import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { auditRequests, must, putSecret } from '../../support/openbao-setup.ts';
import { until } from '../../support/until.ts';
import { logged } from '../support/fetcher.ts';
import { allowLeases, canConnect, mountPki, writeLeaseRole } from '../support/leases.ts';
import { type LeaseGround, LONG, makeLeasedPod, REPLACE, startLeaseGround } from './support/leased-pod.ts';

/** A mint, the spread, and the 10 s before a restart, on a busy machine. */
const RESTART = { timeoutMs: 100_000 };
const LIMIT = 240_000;

let ground: LeaseGround;
beforeAll(async () => {
	ground = await startLeaseGround();
	await allowLeases(ground.vault, 'unrenewed', ['database/creds/*'], { renew: false });
	await writeLeaseRole(ground.vault, 'unrenewed', ['web', 'unrenewed']);
	await mountPki(ground.vault);
	await allowLeases(ground.vault, 'others', ['database/static-creds/*', 'pki/issue/web']);
	await writeLeaseRole(ground.vault, 'others', ['web', 'others']);
}, 900_000);
afterAll(() => ground[Symbol.asyncDispose]());

/** The start of a life, its turn, and the 10 s before the restart. */
const TLS = {
	...{ ENVTIER_VAULT_ROLE: 'others', ENVTIER_FORMAT: 'files', ENVTIER_ENV_KEYS: undefined },
	...{ ENVTIER_LEASE_DB: undefined, ENVTIER_COMPOSE_DATABASE_URL: undefined },
	ENVTIER_KEYS: 'TLS_CERTIFICATE,TLS_PRIVATE_KEY',
	ENVTIER_LEASE_TLS: 'pki/issue/web?common_name=web.shop.svc&ttl=90s',
};

const TOKEN = /hvs\.|\bs\.[A-Za-z0-9]{20}/;

describe('a lease in variables, with a restart for each new user', () => {
	test.concurrent(
		'issues the new user right before the restart, and leaves the old one until its end',
		async () => {
			const life = { ttl: '45s', max: '24h' };
			await using mine = await makeLeasedPod(ground, 'refused', life, { ENVTIER_VAULT_ROLE: 'unrenewed' });
			await mine.init();
			const first = mine.user();
			const sidecar = await mine.start();
			await until('the pod to leave its endpoints', async () => !(await mine.isReady()), RESTART);
			// The new one exists, the files still hold the old one.
			expect(mine.user()).toBe(first);
			expect(mine.created()).toBe(2);
			expect(await sidecar.exited).toMatchObject({ code: 97 });
			expect(logged(sidecar, 'Vault refused to renew it')).toHaveLength(1);
			const second = mine.user();
			expect(await mine.users()).toEqual([first, second].sort());
			expect(await canConnect(mine.url())).toBe(true);
			expect(mine.lease()).toMatchObject({ written: true, replace: false });
			expect(mine.state().restart.requested).toBe(true);
			expect(await mine.init()).toContain('files adopted after a restart');
			expect([mine.user(), mine.created()]).toEqual([second, 2]);
			await mine.start();
			await until('the end of the old user', async () => !(await mine.users()).includes(first), RESTART);
			expect(await canConnect(mine.url())).toBe(true);
			expect(sidecar.output()).not.toMatch(TOKEN);
		},
		LIMIT,
	);

	test.concurrent(
		'the next sidecar renews the adopted lease: one user, not two',
		async () => {
			await using mine = await makeLeasedPod(ground, 'adopted', { ttl: '20s', max: '24h' });
			await mine.init();
			const first = mine.user();
			mine.editLease(REPLACE);
			expect(await (await mine.start()).exited).toMatchObject({ code: 97 });
			await mine.init();
			const { current } = mine.lease();
			const { expires } = current as unknown as { expires: number };
			await mine.start();
			const renewed = () => (mine.lease().current as unknown as { expires: number }).expires > expires;
			await until('a renewal', renewed, RESTART);
			expect(mine.lease().current?.leaseId).toBe(current?.leaseId);
			await until('the end of the old user', async () => !(await mine.users()).includes(first), RESTART);
			expect(await mine.users()).toEqual([mine.user()]);
			expect(mine.created()).toBe(2);
		},
		LIMIT,
	);

	test.concurrent(
		'a kubelet that ignores the exit code sees it once; the next user is written without a restart',
		async () => {
			await using mine = await makeLeasedPod(ground, 'ignored', LONG);
			await mine.init();
			mine.editLease(REPLACE);
			expect(await (await mine.start()).exited).toMatchObject({ code: 97 });
			const second = mine.user();
			// No init container runs.
			const next = await mine.start();
			await until('the warning', () => logged(next, 'did not restart the containers')[0]);
			next.signal('SIGKILL');
			await next.exited;
			expect([mine.user(), mine.created()]).toEqual([second, 2]);
			mine.editLease({ ...REPLACE, mints: [] });
			const third = await mine.start();
			await until('the next user', () => mine.user() !== second, RESTART);
			expect(await canConnect(mine.url())).toBe(true);
			expect(await mine.isReady()).toBe(true);
			expect(logged(third, 'did not restart the containers')).toEqual([]);
			expect(mine.lease()).toMatchObject({ written: true });
			third.signal('SIGTERM');
			expect(await third.exited).toMatchObject({ code: 0 });
		},
		LIMIT,
	);

	test.concurrent(
		'a changed secret and a lease that waits for its turn make one restart',
		async () => {
			const key = 'deployments/shop/services/web/secrets/LEVEL_OF_ONE';
			await putSecret(ground.vault, key, 'one');
			const keys = { ENVTIER_ENV_KEYS: 'DATABASE_URL,LEVEL_OF_ONE' };
			await using mine = await makeLeasedPod(ground, 'both', LONG, keys);
			await mine.init();
			const first = mine.user();
			mine.editLease({ replace: true, due: Date.now() + 600_000 });
			const sidecar = await mine.start();
			await putSecret(ground.vault, key, 'two');
			expect(await sidecar.exited).toMatchObject({ code: 97 });
			expect(mine.variable('LEVEL_OF_ONE')).toBe('two');
			expect(mine.user()).not.toBe(first);
			expect(mine.created()).toBe(2);
			expect(mine.lease()).toMatchObject({ written: true, replace: false });
		},
		LIMIT,
	);

	test.concurrent(
		'a new user that no container has read is revoked with the old one when the pod ends',
		async () => {
			await using mine = await makeLeasedPod(ground, 'unread', LONG);
			await mine.init();
			mine.editLease(REPLACE);
			const sidecar = await mine.start();
			await until('the pod to leave its endpoints', async () => !(await mine.isReady()), RESTART);
			expect(await mine.users()).toHaveLength(2);
			sidecar.signal('SIGTERM');
			expect(await sidecar.exited).toMatchObject({ code: 0 });
			await until('the end of both', async () => (await mine.users()).length === 0);
			expect(await mine.isReady()).toBe(true);
		},
		LIMIT,
	);

	test.concurrent(
		'a sidecar that was stopped alone issues a user again, and restarts the containers for it',
		async () => {
			await using mine = await makeLeasedPod(ground, 'stopped', LONG);
			await mine.init();
			const first = mine.user();
			const sidecar = await mine.start();
			await until('a start', () => logged(sidecar, 'keeping the secrets current')[0]);
			sidecar.signal('SIGTERM');
			await sidecar.exited;
			expect(await (await mine.start()).exited).toMatchObject({ code: 97 });
			expect(mine.user()).not.toBe(first);
			expect(await mine.users()).toEqual([mine.user()]);
			expect(await canConnect(mine.url())).toBe(true);
		},
		LIMIT,
	);

	test.concurrent(
		'a certificate is replaced by a restart while the old one is still valid, key and certificate as a pair',
		async () => {
			await using mine = await makeLeasedPod(ground, 'tls', LONG, TLS);
			await mine.init();
			const read = (name: string) => readFileSync(join(mine.pod.out, 'files', name), 'utf8');
			const first = new X509Certificate(read('TLS_CERTIFICATE'));
			expect(await (await mine.start()).exited).toMatchObject({ code: 97 });
			const second = new X509Certificate(read('TLS_CERTIFICATE'));
			expect(second.serialNumber).not.toBe(first.serialNumber);
			expect(second.checkPrivateKey(createPrivateKey(read('TLS_PRIVATE_KEY')))).toBe(true);
			expect(Date.parse(first.validTo)).toBeGreaterThan(Date.now());
			expect(await mine.init()).toContain('files adopted');
			expect(new X509Certificate(read('TLS_CERTIFICATE')).serialNumber).toBe(second.serialNumber);
		},
		LIMIT,
	);

	test.concurrent(
		'static credentials restart the containers right after their change, without a spread',
		async () => {
			const { vault, database } = ground;
			await database.sql(`CREATE ROLE fixed LOGIN PASSWORD 'before'`);
			await must(vault, 'POST', 'database/static-roles/fixed', {
				body: { db_name: 'pg', username: 'fixed', rotation_period: '30s' },
			});
			const fixed = {
				...{ ENVTIER_VAULT_ROLE: 'others', ENVTIER_LEASE_DB: 'database/static-creds/fixed' },
				ENVTIER_SPREAD: '86400',
			};
			await using mine = await makeLeasedPod(ground, 'static', LONG, fixed);
			await mine.init();
			const first = mine.url();
			expect(await canConnect(first)).toBe(true);
			const sidecar = await mine.start();
			expect(await sidecar.exited).toMatchObject({ code: 97 });
			expect(mine.url()).not.toBe(first);
			expect(await canConnect(first)).toBe(false);
			const [line] = logged(sidecar, 'all containers will restart');
			const keys = ['DATABASE_URL', 'DB_LAST_VAULT_ROTATION', 'DB_PASSWORD'];
			expect(line).toMatchObject({ keys, seconds: 0 });
		},
		LIMIT,
	);

	test.concurrent(
		'the init container of another user keeps its lease, and renews nothing by itself',
		async () => {
			await using mine = await makeLeasedPod(ground, 'another', LONG);
			await mine.init();
			const first = mine.user();
			expect(await mine.init()).toContain('secrets written');
			expect([mine.user(), mine.created()]).toEqual([first, 1]);
			expect(await canConnect(mine.url())).toBe(true);
			// Unless the end of its sidecar has revoked it.
			const sidecar = await mine.start();
			await until('a start', () => logged(sidecar, 'keeping the secrets current')[0]);
			sidecar.signal('SIGTERM');
			await sidecar.exited;
			await mine.init();
			expect(await mine.users()).toEqual([mine.user()]);
			expect([mine.user() === first, mine.created()]).toEqual([false, 2]);
		},
		LIMIT,
	);
});

describe('while Vault is away', () => {
	test(
		'the init container adopts the new user without asking Vault, and the application starts with it',
		async () => {
			const { vault } = ground;
			await using mine = await makeLeasedPod(ground, 'sealed', LONG);
			await mine.init();
			const first = mine.user();
			mine.editLease(REPLACE);
			expect(await (await mine.start()).exited).toMatchObject({ code: 97 });
			const audited = await auditRequests(vault);
			await vault.seal();
			try {
				expect(await mine.init()).toContain('files adopted');
				expect(mine.user()).not.toBe(first);
				expect(await canConnect(mine.url())).toBe(true);
			} finally {
				await vault.unseal();
			}
			// Only what this test asked for.
			expect((await audited()).filter(({ path }) => path !== 'sys/seal')).toEqual([]);
			await must(vault, 'DELETE', 'sys/audit/file');
		},
		LIMIT,
	);

	test(
		'nothing restarts and the pod stays ready; the log says once that a lease has ended, and Vault heals it',
		async () => {
			const { vault } = ground;
			await using mine = await makeLeasedPod(ground, 'ended', { ttl: '25s', max: '24h' });
			await mine.init();
			const first = mine.user();
			await vault.seal();
			const sidecar = await mine.start();
			try {
				const ended = () => logged(sidecar, 'lease DB has ended before it could be replaced')[0];
				expect(await until('the end', ended, RESTART)).toMatchObject({ level: 40 });
				await until('another attempt', () => Number(mine.lease()['failures']) > 1, RESTART);
				expect([await mine.isReady(), mine.user(), mine.created()]).toEqual([true, first, 1]);
			} finally {
				await vault.unseal();
			}
			expect(await sidecar.exited).toMatchObject({ code: 97 });
			expect(mine.user()).not.toBe(first);
			expect(await canConnect(mine.url())).toBe(true);
			expect(logged(sidecar, 'has ended before it could be replaced')).toHaveLength(1);
			const warned = logged(sidecar, 'of lease DB failed').filter(({ level }) => level >= 40);
			expect(warned).toHaveLength(1);
		},
		LIMIT,
	);

	test(
		'the fetcher of another user keeps its files, and the next sidecar renews their lease at once',
		async () => {
			const { vault } = ground;
			await using mine = await makeLeasedPod(ground, 'doubted', LONG);
			await mine.init();
			const first = mine.user();
			const sidecar = await mine.start();
			await until('a start', () => logged(sidecar, 'keeping the secrets current')[0]);
			await vault.seal();
			try {
				// Its revocation fails, and so does the new fetch.
				sidecar.signal('SIGTERM');
				await sidecar.exited;
				expect(await mine.init()).toContain('the files stay as they are');
				expect(mine.lease()).toMatchObject({ doubted: true, discarded: [] });
			} finally {
				await vault.unseal();
			}
			const next = await mine.start();
			await until('the renewal', () => mine.lease()['doubted'] === false, RESTART);
			expect([mine.user(), mine.created()]).toEqual([first, 1]);
			expect(await canConnect(mine.url())).toBe(true);
			expect(logged(next, 'all containers will restart')).toEqual([]);
		},
		LIMIT,
	);
});
