import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canConnect, mountDatabase, mountPki, writeDatabaseRole } from '../fetcher/support/leases.ts';
import { makeJwtSigner, serviceAccountClaims } from '../support/jwt.ts';
import { enableAuth, must, putSecret } from '../support/openbao-setup.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { makeVaultHouse, type VaultHouse } from './support.ts';

const ROLE = ['role', 'shop_web', '--type', 'jwt', '--namespace', 'shop', '--account', 'web'] as const;

let fixture: VaultHouse;
let database: Postgres;
const signer = makeJwtSigner();
beforeAll(async () => {
	[fixture, database] = await Promise.all([makeVaultHouse(), startPostgres()]);
	await enableAuth(fixture.bao, 'jwt', { config: { jwt_validation_pubkeys: [signer.publicKeyPem] } });
	await mountDatabase(fixture.bao, database);
	await mountPki(fixture.bao);
	for (const role of ['readonly', 'other'])
		await writeDatabaseRole(fixture.bao, role, { ttl: '10m', max: '1h' });
	await putSecret(fixture.bao, 'deployments/shop/secrets/KEY', 'value');
	await fixture.mustSetup(
		...ROLE,
		...['--deployment', 'shop', '--refresh'],
		...['--lease', 'database/creds/readonly', '--lease', 'pki/issue/web?common_name=web.shop.svc'],
	);
}, 900_000);
afterAll(async () => {
	await fixture[Symbol.asyncDispose]();
	await database[Symbol.asyncDispose]();
});

interface Auth {
	readonly client_token: string;
	readonly lease_duration: number;
	readonly renewable: boolean;
}

async function login(): Promise<Auth> {
	const body = { role: 'shop_web', jwt: signer.sign(serviceAccountClaims('shop', 'web')) };
	const answer = (await must(fixture.bao, 'POST', 'auth/jwt/login', { body })) as { auth: Auth };
	return answer.auth;
}

/** Sends a request with a token of the role. */
const as = (token: string, method: string, path: string, body?: object) =>
	fixture.bao.request(method, path, { token, ...(body === undefined ? {} : { body }) });

interface Issued {
	readonly lease_id: string;
	readonly data: Readonly<Record<string, string>>;
}

async function issue(token: string): Promise<Issued> {
	const answer = await as(token, 'GET', 'database/creds/readonly');
	expect(answer.status).toBe(200);
	return answer.json as Issued;
}

describe('a role of setup.sh with --refresh and --lease', () => {
	test('gives tokens that can be renewed for as long as the pod runs', async () => {
		const { client_token: token, lease_duration: seconds, renewable } = await login();
		expect([seconds, renewable]).toEqual([3600, true]);
		const answer = await as(token, 'POST', 'auth/token/renew-self', {});
		expect(answer.json).toMatchObject({ auth: { lease_duration: 3600 } });
		const self = await as(token, 'GET', 'auth/token/lookup-self');
		expect(self.json).toMatchObject({ data: { period: 3600, explicit_max_ttl: 0 } });
	});

	test('issues, renews and ends a database user', async () => {
		const { client_token: token } = await login();
		const { lease_id, data } = await issue(token);
		const url = database.url(data['username'], data['password']);
		expect(await canConnect(url)).toBe(true);
		expect((await as(token, 'POST', 'sys/leases/renew', { lease_id })).status).toBe(200);
		expect((await as(token, 'POST', 'auth/token/revoke-self', {})).status).toBe(204);
		await until('the end of the user', async () => !(await canConnect(url)));
	});

	test('issues a certificate', async () => {
		const { client_token: token } = await login();
		const answer = await as(token, 'POST', 'pki/issue/web', { common_name: 'web.shop.svc' });
		expect(answer.status).toBe(200);
	});

	test('shows the versions of the tier in one request, without values', async () => {
		const { client_token: token } = await login();
		const path = 'secret/detailed-metadata/deployments/shop/secrets/?list=true';
		const answer = await as(token, 'GET', path);
		expect(answer.json).toMatchObject({ data: { key_info: { KEY: { current_version: 1 } } } });
		expect(JSON.stringify(answer.json)).not.toContain('"value"');
	});

	test.each([
		['end a lease, which may be another pod’s', 'POST', 'sys/leases/revoke'],
		['end leases by their prefix', 'POST', 'sys/leases/revoke-prefix/database'],
		['look leases up', 'POST', 'sys/leases/lookup'],
		['issue another role of the engine', 'GET', 'database/creds/other'],
		['read the engine’s configuration', 'GET', 'database/config/pg'],
		['change the role of the engine', 'POST', 'database/roles/readonly'],
		['write to a path that is issued by a read', 'POST', 'database/creds/readonly'],
		['sign its own request with the pki engine', 'POST', 'pki/sign/web'],
		[
			'read the versions of another deployment',
			'GET',
			'secret/detailed-metadata/deployments/blog/secrets/?list=true',
		],
		['create tokens', 'POST', 'auth/token/create'],
	])('does not %s', async (_sentence, method, path) => {
		const { client_token: token } = await login();
		const { lease_id } = await issue(token);
		const body = method === 'POST' ? { lease_id, common_name: 'web.shop.svc' } : undefined;
		expect((await as(token, method, path, body)).status).toBe(403);
	});

	test('keeps the short tokens of a role without --lease', async () => {
		await fixture.mustSetup('role', 'plain', ...ROLE.slice(2), '--deployment', 'shop');
		const { data } = (await must(fixture.bao, 'GET', 'auth/jwt/role/plain')) as { data: object };
		expect(data).toMatchObject({ token_ttl: 300, token_max_ttl: 600, token_period: 0 });
	});
});
