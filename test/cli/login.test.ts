/** `envtier login`, `logout`, `whoami` and `keys` with a real OpenID provider and the real API. */
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ApiUnderTest, caller, startApi } from '../api/support/api.ts';
import { bundleOf } from '../support/bundles.ts';
import { type DeviceIssuer, startDeviceIssuer } from '../support/oidc-provider.ts';
import { startProcess } from '../support/process.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { envtier } from './support/command.ts';
import { openShell, runExamples } from './support/examples.ts';

let issuer: DeviceIssuer;
let api: ApiUnderTest;
let home: Scratch;
const key = caller('user:key');
const env = () => ({
	...{ HOME: home.dir, ENVTIER_API_URL: api.url, ENVTIER_OIDC_CA: issuer.caPem },
});

beforeAll(async () => {
	issuer = await startDeviceIssuer();
	api = await startApi({
		callers: [key],
		env: {
			...{ ENVTIER_API_OIDC_ISSUER: issuer.url, ENVTIER_API_OIDC_CA: issuer.caPem },
			...{ ENVTIER_API_OIDC_AUDIENCE: issuer.audience, ENVTIER_API_OIDC_CLIENT_ID: issuer.clientId },
			ENVTIER_API_OIDC_LOGIN_SCOPES: 'openid offline_access secrets:read secrets:write audit',
		},
	});
});
afterAll(async () => {
	await api?.[Symbol.asyncDispose]();
	await issuer?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
	home = await scratch('login');
});
afterEach(async () => {
	issuer.setBroken(false);
	issuer.setLifetime(300);
	await home.remove();
});

/** Runs `envtier login`, and decides in the browser about the code that it shows. */
async function login(decision: 'allow' | 'deny') {
	return await loginBy(process.execPath, [await bundleOf('envtier'), 'login'], process.env['PATH'], decision);
}

async function loginBy(
	command: string,
	args: readonly string[],
	path: string | undefined,
	decision: 'allow' | 'deny',
) {
	const running = await startProcess({ name: 'login', command, args, env: { PATH: path, ...env() } });
	const code = () => /the code ([A-Z]{4}-[A-Z]{4})/.exec(running.stderr())?.[1];
	await running.waitUntil('a code', code);
	await issuer.decide(code() ?? '', decision);
	const { code: exit } = await running.exited;
	return { exit, stdout: running.stdout(), stderr: running.stderr() };
}
const sessionPath = async (): Promise<string> => {
	const dir = join(home.dir, '.config/envtier');
	const [name] = (await readdir(dir)).filter((one) => one.endsWith('.json'));
	return join(dir, name ?? 'none');
};
const session = async () => JSON.parse(await readFile(await sessionPath(), 'utf8')) as Record<string, string>;

test('a login gives a session that only its owner can read, and commands use it', async () => {
	const { exit, stdout, stderr } = await login('allow');
	expect([exit, stdout]).toEqual([0, expect.stringContaining(`logged in at ${api.url}`)]);
	expect(stderr).toContain(`${issuer.url}/device?user_code=`);
	expect((await stat(await sessionPath())).mode & 0o777).toBe(0o600);
	expect((await stat(join(home.dir, '.config/envtier'))).mode & 0o777).toBe(0o700);
	const { token = '', refreshToken = '' } = await session();
	for (const secret of [token, refreshToken]) {
		expect(secret.length).toBeGreaterThan(20);
		expect(stdout + stderr).not.toContain(secret);
	}
	const me = await envtier(['whoami', '--output', 'json'], { env: env() });
	expect(JSON.parse(me.stdout)).toEqual({
		...{ subject: 'user:alice', kind: 'session', org: 'acme', orgs: ['acme'], roles: ['org_admin'] },
		scopes: ['secrets:read', 'secrets:write', 'secrets:delete', 'audit'],
	});
	const shown = await envtier(['whoami'], { env: env() });
	expect(shown.stdout).toMatch(/subject +user:alice\n.*session\n(?:.*\n)*scopes +secrets:read/);
	// A token in the environment wins.
	const other = await envtier(['whoami'], { env: { ...env(), ENVTIER_API_TOKEN: key.key } });
	expect(other.stdout).toContain('user:key');
});

test('the examples of docs/cli.md log in and out', async () => {
	await using shell = await openShell();
	const isLoggedIn = async () => (await envtier(['whoami'], { env: env() })).code === 0;
	await runExamples('envtier login', async (line) => {
		const here = line
			.replace('https://id.example.com', issuer.url)
			.replace('--client-id envtier', `--client-id ${issuer.clientId}`);
		const { exit, stderr } = await loginBy('bash', ['-euc', here], shell.env['PATH'], 'allow');
		expect(exit, `${line}\n${stderr}`).toBe(0);
		expect(await isLoggedIn(), line).toBe(true);
		await runExamples('envtier logout', async (logout) => {
			expect(await shell.run(logout, env())).toMatchObject({ code: 0, stderr: '' });
		});
		expect(await isLoggedIn()).toBe(false);
	});
});

test('a refusal in the browser ends the login, and leaves no session', async () => {
	const { exit, stderr } = await login('deny');
	expect([exit, stderr]).toEqual([5, expect.stringContaining('access_denied')]);
	expect((await envtier(['whoami'], { env: env() })).code).toBe(2);
});

test('of many commands at the end of a token one refreshes it, and all of them work', async () => {
	issuer.setLifetime(30);
	await login('allow');
	const before = issuer.tokenRequests().length;
	const first = (await session())['token'];
	issuer.setLifetime(300);
	const runs = await Promise.all(Array.from({ length: 5 }, () => envtier(['whoami'], { env: env() })));
	expect(runs.map(({ code, stderr }) => [code, stderr])).toEqual(runs.map(() => [0, '']));
	expect(issuer.tokenRequests().slice(before)).toEqual(['refresh_token']);
	expect((await session())['token']).not.toBe(first);
	expect((await stat(await sessionPath())).mode & 0o777).toBe(0o600);
	expect((await readdir(join(home.dir, '.config/envtier'))).length).toBe(1);
});

test('a session that the issuer has ended says how to go on, and shows no token', async () => {
	issuer.setLifetime(30);
	await login('allow');
	const file = await sessionPath();
	const { refreshToken = '', ...rest } = await session();
	await writeFile(file, JSON.stringify({ ...rest, refreshToken: `${refreshToken}x` }));
	const refused = await envtier(['whoami'], { env: env() });
	expect(refused.code).toBe(2);
	expect(refused.stderr).toContain('run `envtier login`');
	expect(refused.stderr).not.toContain(refreshToken);
});

test('a session file that others can read is not used', async () => {
	await login('allow');
	await chmod(await sessionPath(), 0o640);
	const { code, stderr } = await envtier(['whoami'], { env: env() });
	expect([code, stderr]).toEqual([2, expect.stringContaining('can be read by others')]);
});

test('a session is for one API alone', async () => {
	await login('allow');
	const elsewhere = { ...env(), ENVTIER_API_URL: 'http://127.0.0.1:9' };
	const { code, stderr } = await envtier(['whoami'], { env: elsewhere });
	expect([code, stderr]).toEqual([2, expect.stringContaining('there is no session')]);
});

test('a logout revokes the session at the issuer and removes the file, also while the issuer is away', async () => {
	await login('allow');
	const copy = await session();
	const file = await sessionPath();
	expect(await envtier(['logout'], { env: env() })).toMatchObject({
		code: 0,
		stdout: expect.stringMatching(/logged out/),
	});
	// A copy of the file is of no use once its token has ended.
	await writeFile(file, JSON.stringify({ ...copy, expiresAt: '2026-01-01T00:00:00Z' }), { mode: 0o600 });
	expect((await envtier(['whoami'], { env: env() })).stderr).toContain('invalid_grant');
	expect((await envtier(['logout'], { env: env() })).code).toBe(0);
	expect((await envtier(['logout'], { env: env() })).stdout).toBe('there was no session\n');
	await login('allow');
	issuer.setBroken(true);
	const { code, stderr } = await envtier(['logout'], { env: env() });
	expect([code, stderr]).toEqual([1, expect.stringContaining('was not revoked')]);
	await expect(stat(file)).rejects.toThrow('ENOENT');
});

test('without a client at the API, the options say it', async () => {
	await using bare = await startApi();
	const at = { ...env(), ENVTIER_API_URL: bare.url };
	const { code, stderr } = await envtier(['login'], { env: at });
	expect([code, stderr]).toEqual([8, expect.stringContaining('set --issuer and --client-id')]);
	const plain = ['login', '--issuer', 'http://127.0.0.1:1', '--client-id', 'x'];
	expect((await envtier(plain, { env: at })).stderr).toContain('must have an https:// address');
	const stranger = ['login', '--issuer', issuer.url, '--client-id', 'nobody'];
	expect((await envtier(stranger, { env: at })).stderr).toContain('invalid_client');
	const untrusted = { ...at, ENVTIER_OIDC_CA: undefined };
	expect(await envtier(stranger, { env: untrusted })).toMatchObject({
		...{ code: 5, stderr: expect.stringContaining('certificate') },
	});
});

test('a session makes API keys, lists and revokes them; the key goes where it is sent alone', async () => {
	await login('allow');
	const made = await envtier(['keys', 'create', 'ci', '--scopes', 'secrets:read', '--days', '7'], {
		env: env(),
	});
	expect(made.code).toBe(0);
	expect(made.stdout).toMatch(/^envtier_[0-9a-f]{16}_[\w-]{43}\n$/);
	expect(made.stderr).not.toContain(made.stdout.trim());
	const id = made.stdout.slice(8, 24);
	const listed = await envtier(['keys', 'list'], { env: env() });
	expect(listed.stdout).toMatch(new RegExp(`${id} +ci +acme +secrets:read`));
	const asKey = { ...env(), ENVTIER_API_TOKEN: made.stdout.trim() };
	expect((await envtier(['whoami'], { env: asKey })).stdout).toContain('api-key');
	expect(await envtier(['keys', 'list'], { env: asKey })).toMatchObject({ code: 5 });
	const file = join(home.dir, 'audit.key');
	const second = ['keys', 'create', 'export', '--scopes', 'audit', '--output-file', file];
	expect(await envtier(second, { env: env() })).toMatchObject({ code: 0, stdout: '' });
	expect((await stat(file)).mode & 0o777).toBe(0o600);
	expect(await envtier(['keys', 'revoke', id], { env: env() })).toMatchObject({ stdout: `revoked ${id}\n` });
	expect(await envtier(['keys', 'revoke', id], { env: env() })).toMatchObject({ code: 6 });
	expect((await envtier(['whoami'], { env: asKey })).code).toBe(5);
	const beyond = await envtier(['keys', 'create', 'x', '--roles', 'org_owner'], { env: env() });
	expect(beyond).toMatchObject({ code: 5, stderr: expect.stringContaining('org_owner') });
});
