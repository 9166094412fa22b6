import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { auditRequests, must, putSecret, removeSecret } from '../../support/openbao-setup.ts';
import { type Postgres, startPostgres } from '../../support/postgres.ts';
import type { RunningProcess } from '../../support/process.ts';
import { until } from '../../support/until.ts';
import { startReal, vaultEnv } from '../support/backends.ts';
import { buildFetcher, logged, makePod, type Pod, runFetcher, startFetcher } from '../support/fetcher.ts';
import {
	allowLeases,
	canConnect,
	mountDatabase,
	mountPki,
	mountSsh,
	rolesOf,
	writeDatabaseRole,
	writeLeaseRole,
} from '../support/leases.ts';

const SERVICE = 'deployments/shop/services/web/secrets';

let fetcher: string;
let vault: Awaited<ReturnType<typeof startReal>>;
let database: Postgres;
beforeAll(async () => {
	[fetcher, vault, database] = await Promise.all([buildFetcher(), startReal(), startPostgres({ log: true })]);
	await mountDatabase(vault, database);
	await mountPki(vault);
	await mountSsh(vault);
	await writeDatabaseRole(vault, 'long', { ttl: '1h', max: '24h' });
	await writeDatabaseRole(vault, 'slow', { ttl: '1h', max: '24h', seconds: 2 });
	await writeDatabaseRole(vault, 'short', { ttl: '6s', max: '24h' });
	await writeDatabaseRole(vault, 'limited', { ttl: '6s', max: '12s' });
	await allowLeases(vault, 'leases', [
		'database/creds/*',
		'database/static-creds/*',
		'pki/issue/web',
		'ssh/creds/otp',
	]);
	await allowLeases(vault, 'unrenewed', ['database/creds/*'], { renew: false });
	await writeLeaseRole(vault, 'leased', ['web', 'leases']);
	await writeLeaseRole(vault, 'unrenewed', ['web', 'unrenewed']);
	await writeLeaseRole(vault, 'batch', ['web', 'leases'], { token_type: 'batch' });
	await writeLeaseRole(vault, 'short-token', ['web', 'leases'], { token_ttl: '6s', token_max_ttl: '6s' });
}, 900_000);
afterAll(async () => {
	await vault[Symbol.asyncDispose]();
	await database[Symbol.asyncDispose]();
});

let pod: Pod;
let privateDir: string;
let sidecar: RunningProcess | undefined;
beforeEach(async () => {
	pod = await makePod(vault.jwt());
	privateDir = join(pod.scratch.dir, 'private');
	mkdirSync(privateDir, { mode: 0o700 });
	await putSecret(vault, `${SERVICE}/DB_HOST`, address());
});
afterEach(async () => {
	await sidecar?.stop(0);
	sidecar = undefined;
	await removeSecret(vault, `${SERVICE}/DB_HOST`);
	await must(vault, 'POST', 'sys/leases/revoke-prefix/database/creds', { body: {} });
	await pod.scratch.remove();
});

type Env = Readonly<Record<string, string | undefined>>;

const lease = (role: string, more: Env = {}): Env => ({
	...vaultEnv(vault),
	ENVTIER_FORMAT: 'json',
	ENVTIER_PRIVATE_DIR: privateDir,
	ENVTIER_REFRESH: '300',
	ENVTIER_VAULT_ROLE: 'leased',
	ENVTIER_LEASE_DB: `database/creds/${role}`,
	ENVTIER_COMPOSE_DATABASE_URL: `postgres://\${DB_USERNAME:url}:\${DB_PASSWORD:url}@\${DB_HOST}/postgres`,
	...more,
});

const runFirst = (env: Env) => runFetcher(fetcher, pod, { ...env, ENVTIER_MODE: 'initial' });

async function fetchFirst(env: Env): Promise<void> {
	const run = await runFirst(env);
	expect(run.code, run.stdout + run.stderr).toBe(0);
}

async function startSidecar(env: Env): Promise<RunningProcess> {
	sidecar = await startFetcher(fetcher, pod, { ...env, ENVTIER_MODE: 'refresh' });
	return sidecar;
}

const privateState = () => JSON.parse(readFileSync(join(privateDir, 'state.json'), 'utf8'));
const files = (): Readonly<Record<string, string>> =>
	JSON.parse(readFileSync(join(pod.out, 'env.json'), 'utf8'));
const address = () => `${database.host}:${database.port}`;
/** How many roles the database has got since its start. */
const created = () => database.output().split('CREATE ROLE').length - 1;
/** Vault removes the roles of a token right after it has answered the revocation. */
const noRoles = () => until('the end of all roles', async () => (await rolesOf(database)).length === 0);

describe('the init container before a sidecar', () => {
	test('issues one secret, composes it, and leaves token and lease in the private file', async () => {
		const before = created();
		await fetchFirst(lease('long', { ENVTIER_REQUIRE: 'DB_USERNAME,DATABASE_URL' }));
		const { DATABASE_URL = '', DB_USERNAME } = files();
		expect(await canConnect(DATABASE_URL)).toBe(true);
		expect(await rolesOf(database)).toEqual([DB_USERNAME]);
		expect(created() - before).toBe(1);
		expect(statSync(realpathSync(join(privateDir, 'state.json'))).mode & 0o777).toBe(0o600);
		const { leases, digests } = privateState();
		expect(leases.DB.current.leaseId).toMatch(/^database\/creds\/long\//);
		expect(leases.DB.written).toBe(true);
		expect(leases.DB.discarded).toEqual([]);
		expect(Object.keys(digests)).toEqual(['DATABASE_URL', 'DB_HOST', 'DB_PASSWORD', 'DB_USERNAME']);
	});

	test('overrides the tiers by the keys of a lease', async () => {
		await putSecret(vault, `${SERVICE}/DB_USERNAME`, 'from-the-tier');
		await fetchFirst(lease('long'));
		await removeSecret(vault, `${SERVICE}/DB_USERNAME`);
		expect(files()['DB_USERNAME']).toMatch(/^v-/);
	});

	test('issues nothing for a container that takes none of its keys', async () => {
		const before = created();
		await putSecret(vault, `${SERVICE}/LEVEL`, 'info');
		const env = { ENVTIER_KEYS: 'LEVEL', ENVTIER_REQUIRE: 'DB_USERNAME' };
		await fetchFirst(lease('long', env));
		await removeSecret(vault, `${SERVICE}/LEVEL`);
		expect(files()).toEqual({ LEVEL: 'info' });
		expect(created()).toBe(before);
	});

	test('issues nothing if another check fails', async () => {
		const before = created();
		const run = await runFirst(lease('long', { ENVTIER_REQUIRE: 'NOWHERE' }));
		expect(run.code).toBe(23);
		expect(created()).toBe(before);
	});

	test('revokes the secret if a key that it should give is missing, and does not issue a third one', async () => {
		const env = lease('long', { ENVTIER_REQUIRE: 'DB_NOWHERE', ENVTIER_DEADLINE: '5' });
		const before = created();
		const first = await runFirst(env);
		expect(first.code, first.stdout).toBe(23);
		expect(first.message).toContain('DB_NOWHERE');
		await noRoles();
		expect((await runFirst(env)).code).toBe(23);
		const third = await runFirst(env);
		expect(third.code).toBe(24);
		expect(third.message).toContain('within a minute');
		expect(created() - before).toBe(2);
		await noRoles();
	}, 60_000);

	test('revokes what an earlier run left that was killed after its mint', async () => {
		const body = { role: 'leased', jwt: vault.jwt() };
		const login = (await must(vault, 'POST', 'auth/jwt/login', { body })) as {
			auth: { client_token: string };
		};
		const { client_token: value } = login.auth;
		await vault.request('GET', 'database/creds/long', { token: value });
		const [orphan] = await rolesOf(database);
		const token = { value, expires: Date.now() + 600_000, revocable: true };
		const state = { current: undefined, mints: [Date.now()], discarded: [{ token, notBefore: 0 }] };
		writeFileSync(
			join(privateDir, 'state.json'),
			JSON.stringify({ digests: {}, revision: '', leases: { DB: state } }),
		);
		await fetchFirst(lease('long'));
		await startSidecar(lease('long'));
		await until('the end of the orphan', async () => !(await rolesOf(database)).includes(orphan ?? ''));
		expect(await rolesOf(database)).toEqual([files()['DB_USERNAME']]);
	});

	test.for(['SIGKILL', 'SIGTERM'] as const)('leaves no secret behind after %s in a mint', async (signal) => {
		const env = lease('slow');
		const running = await startFetcher(fetcher, pod, { ...env, ENVTIER_MODE: 'initial' });
		const minting = () =>
			existsSync(join(privateDir, 'state.json')) && privateState().leases.DB.mints.length === 1;
		await until('the mint', minting);
		running.signal(signal);
		await running.exited;
		await fetchFirst(env);
		await startSidecar(env);
		await until('the revocation', () => privateState().leases.DB.discarded.length === 0);
		await until('one role', async () => (await rolesOf(database)).length === 1);
		expect(await rolesOf(database)).toEqual([files()['DB_USERNAME']]);
	});

	test('writes all fields of a secret that cannot be renewed', async () => {
		const env = { ENVTIER_LEASE_SSH: 'ssh/creds/otp?ip=10.0.0.1', ENVTIER_FORMAT: 'json' };
		await fetchFirst(lease('long', env));
		expect(files()).toMatchObject({
			...{ SSH_IP: '10.0.0.1', SSH_PORT: '22', SSH_USERNAME: 'ubuntu', SSH_KEY_TYPE: 'otp' },
			SSH_KEY: expect.stringMatching(/^[-0-9a-f]{36}$/),
		});
		expect(privateState().leases.SSH.current).toMatchObject({ continuation: 'replace' });
	});

	test.for([
		['batch tokens', { ENVTIER_VAULT_ROLE: 'batch' }, 21, 'gives batch tokens'],
		['a path without a role', { ENVTIER_LEASE_DB: 'database/creds/nothing' }, 27, 'database/creds/nothing'],
		[
			'a path that no policy allows',
			{ ENVTIER_LEASE_DB: 'database/rotate-root/pg' },
			22,
			'policy of the role',
		],
		[
			'a secret that does not end',
			{ ENVTIER_LEASE_DB: 'legacy/orgs/acme/secrets/X' },
			27,
			'says when it ends',
		],
	] as const)('refuses %s and says so', async ([, env, code, sentence]) => {
		await must(vault, 'POST', 'legacy/orgs/acme/secrets/X', { body: { value: 'x' } });
		const run = await runFirst(lease('long', env));
		expect(run.code, run.stdout).toBe(code);
		expect(run.message).toContain(sentence);
		await noRoles();
	});

	test('refuses leases without a sidecar', async () => {
		const run = await runFetcher(fetcher, pod, lease('long'));
		expect(run.code).toBe(20);
		expect(run.message).toContain('ENVTIER_MODE');
	});
});

describe('the sidecar', () => {
	test('renews the secret of the init container: one role, not two', async () => {
		const before = created();
		await fetchFirst(lease('short'));
		const { DATABASE_URL = '' } = files();
		const audited = await auditRequests(vault);
		await startSidecar(lease('short'));
		const renewals = async () => (await audited()).filter(({ path }) => path === 'sys/leases/renew').length;
		await until('three renewals', async () => (await renewals()) >= 3);
		await must(vault, 'DELETE', 'sys/audit/file');
		expect(await canConnect(DATABASE_URL)).toBe(true);
		expect(created() - before).toBe(1);
	}, 60_000);

	test('replaces it near its maximum: new files, the old role ends by itself, every connection succeeds', async () => {
		await fetchFirst(lease('limited'));
		const first = files()['DB_USERNAME'] ?? '';
		const running = await startSidecar(lease('limited'));
		let failed = 0;
		let connections = 0;
		await until(
			'the end of the first role',
			async () => {
				connections += 1;
				if (!(await canConnect(files()['DATABASE_URL'] ?? ''))) failed += 1;
				return !(await rolesOf(database)).includes(first);
			},
			{ timeoutMs: 60_000, everyMs: 100 },
		);
		expect(files()['DB_USERNAME']).not.toBe(first);
		expect(logged(running, 'near its maximum').length).toBeGreaterThanOrEqual(1);
		const [change] = logged(running, 'secrets changed');
		expect(change?.['keys']).toEqual(['DATABASE_URL', 'DB_PASSWORD', 'DB_USERNAME']);
		expect([failed, connections > 10]).toEqual([0, true]);
	}, 90_000);

	test('replaces it before the maximum of a token that ends before the lease', async () => {
		const env = lease('long', { ENVTIER_VAULT_ROLE: 'short-token' });
		await fetchFirst(env);
		const first = files()['DB_USERNAME'] ?? '';
		await startSidecar(env);
		await until('a new user', () => files()['DB_USERNAME'] !== first);
		expect(await rolesOf(database)).toContain(first);
		expect(await canConnect(files()['DATABASE_URL'] ?? '')).toBe(true);
	}, 60_000);

	test('issues at most two secrets a minute when no renewal works', async () => {
		const env = lease('short', { ENVTIER_VAULT_ROLE: 'unrenewed' });
		const before = created();
		await fetchFirst(env);
		const running = await startSidecar(env);
		await until('the replacement', () => created() - before === 2);
		await until('the refused renewal of the second', () => logged(running, 'Vault refused to renew it')[1]);
		// Its end comes before a third mint is allowed.
		await until('the end of the second role', async () => (await rolesOf(database)).length === 0);
		expect(created() - before).toBe(2);
	}, 60_000);

	test('keeps the role of the sidecar that was killed before', async () => {
		const before = created();
		await fetchFirst(lease('short'));
		const first = await startSidecar(lease('short'));
		await until('a start', () => logged(first, 'keeping the secrets current')[0]);
		first.signal('SIGKILL');
		await first.exited;
		const second = await startSidecar(lease('short', { ENVTIER_LOG_LEVEL: 'debug' }));
		await until('a renewal', () => logged(second, 'lease renewed')[0]);
		expect(await canConnect(files()['DATABASE_URL'] ?? '')).toBe(true);
		expect(created() - before).toBe(1);
	}, 60_000);

	test('ends its leases by SIGTERM within 2 s, and one that starts again issues, writes and notifies', async () => {
		const bodies: string[] = [];
		const server = createServer(async (request, response) => {
			let body = '';
			for await (const chunk of request) body += chunk;
			bodies.push(body);
			response.end();
		});
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		const { port } = server.address() as AddressInfo;
		const env = lease('long', { ENVTIER_ON_CHANGE: `http://localhost:${port}/reload` });
		await fetchFirst(env);
		const first = files();
		const running = await startSidecar(env);
		await until('a start', () => logged(running, 'keeping the secrets current')[0]);
		running.signal('SIGTERM');
		expect(await running.exited).toEqual({ code: 0, signal: null });
		expect(logged(running, 'leases revoked')[0]).toMatchObject({ leases: 1, of: 1 });
		await noRoles();
		expect(privateState().ended).toBe(true);
		await startSidecar(env);
		await until('the notification', () => bodies[0]);
		expect(JSON.parse(bodies[0] ?? '').keys).toEqual(['DATABASE_URL', 'DB_PASSWORD', 'DB_USERNAME']);
		expect(files()['DB_USERNAME']).not.toBe(first['DB_USERNAME']);
		expect(await canConnect(files()['DATABASE_URL'] ?? '')).toBe(true);
		expect(await rolesOf(database)).toEqual([files()['DB_USERNAME']]);
		await new Promise((resolve) => void server.close(resolve));
	}, 60_000);

	test('keeps the files while Vault is sealed, says so once, and recovers', async () => {
		await fetchFirst(lease('short'));
		const first = files();
		await vault.seal();
		const running = await startSidecar(lease('short'));
		try {
			await until('the warning', () => logged(running, 'of lease DB failed')[0]);
			expect(files()).toEqual(first);
		} finally {
			await vault.unseal();
		}
		await until('a working secret', async () => await canConnect(files()['DATABASE_URL'] ?? ''));
		await until('the message', () => logged(running, 'lease is current again')[0]);
		expect(logged(running, 'of lease DB failed').filter(({ level }) => level >= 40)).toHaveLength(1);
	}, 90_000);

	test('writes no value and no token to its log', async () => {
		await fetchFirst(lease('limited'));
		const running = await startSidecar(lease('limited', { ENVTIER_LOG_LEVEL: 'trace' }));
		await until('a change', () => logged(running, 'secrets changed')[0]);
		const { leases } = privateState();
		const { values, token } = leases.DB.current;
		for (const secret of [values.DB_PASSWORD, token.value]) expect(running.output()).not.toContain(secret);
	}, 60_000);
});

describe('a certificate', () => {
	test('is replaced before its end, and a reader never sees key and certificate of two', async () => {
		const env = lease('long', {
			ENVTIER_FORMAT: 'files',
			ENVTIER_LEASE_DB: undefined,
			ENVTIER_COMPOSE_DATABASE_URL: undefined,
			ENVTIER_LEASE_TLS: 'pki/issue/web?common_name=web.shop.svc&ttl=8s',
		});
		await fetchFirst(env);
		await startSidecar(env);
		const serials = new Set<string>();
		const faults: string[] = [];
		let reads = 0;
		await until(
			'two certificates',
			() => {
				const directory = realpathSync(join(pod.out, 'files'));
				const read = (name: string) => readFileSync(join(directory, name), 'utf8');
				const certificate = new X509Certificate(read('TLS_CERTIFICATE'));
				if (!certificate.checkPrivateKey(createPrivateKey(read('TLS_PRIVATE_KEY')))) faults.push('pair');
				if (Date.parse(certificate.validTo) <= Date.now()) faults.push('expired');
				if (!read('TLS_ISSUING_CA').includes('BEGIN CERTIFICATE')) faults.push('CA');
				serials.add(certificate.serialNumber);
				reads += 1;
				return serials.size >= 2;
			},
			{ timeoutMs: 60_000, everyMs: 1 },
		);
		expect(faults).toEqual([]);
		expect(reads).toBeGreaterThan(100);
		expect(existsSync(join(pod.out, 'files', 'TLS_CA_CHAIN'))).toBe(true);
		// Nothing depends on the tokens of certificates.
		await until('the revocation', () => privateState().leases.TLS.discarded.length === 0);
		expect(privateState().leases.TLS.current.token).toBeUndefined();
	}, 90_000);
});

describe('static credentials', () => {
	test('are read again after their change', async () => {
		await database.sql(`CREATE ROLE app LOGIN PASSWORD 'before'`);
		await must(vault, 'POST', 'database/static-roles/app', {
			body: { db_name: 'pg', username: 'app', rotation_period: '10s' },
		});
		const env = lease('long', { ENVTIER_LEASE_DB: 'database/static-creds/app' });
		try {
			await fetchFirst(env);
			const first = files();
			expect(await canConnect(first['DATABASE_URL'] ?? '')).toBe(true);
			await startSidecar(env);
			// A read that came before the change counts, and a third one must wait for a minute.
			await until('the next password', () => files()['DB_PASSWORD'] !== first['DB_PASSWORD'], {
				timeoutMs: 90_000,
			});
			expect(await canConnect(files()['DATABASE_URL'] ?? '')).toBe(true);
		} finally {
			await must(vault, 'DELETE', 'database/static-roles/app');
			await database.sql('DROP ROLE app');
		}
	}, 150_000);
});
