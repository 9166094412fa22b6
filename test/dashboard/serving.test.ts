/** How the dashboard is served: headers, files, and when a cookie counts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cookieOf, returnPath } from '../../api/session/cookies.ts';
import { checkSameOrigin } from '../../api/session/same-origin.ts';
import { readSettings } from '../../api/settings/settings.ts';
import { startApi } from '../api/support/api.ts';
import { type Answer, call } from '../support/http.ts';
import { startOnMemory, type Tested } from './support/dashboard.ts';

let tested: Tested;
beforeAll(async () => {
	tested = await startOnMemory({ examples: false });
});
afterAll(() => tested?.[Symbol.asyncDispose]());

const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
	call({ url: `${tested.url}${path}`, headers });

describe('pages', () => {
	test.each(['/ui/', '/ui/deployments/shop', '/ui/deployments/shop/keys/A', '/ui/no/such/view'])(
		'%s is the page, with headers that keep everything foreign out',
		async (path) => {
			const { status, headers, text } = await get(path);
			expect(status).toBe(200);
			expect(headers).toMatchObject({
				'content-type': 'text/html; charset=utf-8',
				'cache-control': 'no-store',
				'cross-origin-opener-policy': 'same-origin',
				'cross-origin-resource-policy': 'same-origin',
				'referrer-policy': 'no-referrer',
				'x-content-type-options': 'nosniff',
				'x-frame-options': 'DENY',
			});
			const policy = String(headers['content-security-policy']).split('; ');
			expect(policy).toEqual(
				expect.arrayContaining(["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"]),
			);
			expect(policy.join()).not.toMatch(/unsafe|\*|https?:|data:|blob:/);
			// Nothing inline, and nothing from elsewhere.
			expect(text).not.toMatch(/<style|style=|<script>|\son[a-z]+=|https?:\/\//);
		},
	);

	test('files have the hash of their content in their names, are compressed, and may be kept', async () => {
		const page = await get('/ui/');
		const names = [...page.text.matchAll(/\/ui\/assets\/([^"]+)/g)].map(([, name]) => name ?? '');
		const hashed = names.filter((name) => /-[A-Z0-9]{8}\.(?:js|css)$/.test(name));
		expect(hashed).toHaveLength(2);
		let size = 0;
		for (const name of names) {
			const file = await get(`/ui/assets/${name}`, { 'accept-encoding': 'gzip' });
			expect(file.status, name).toBe(200);
			expect(file.headers).toMatchObject({
				'cache-control': 'public, max-age=31536000, immutable',
				'content-encoding': 'gzip',
				'x-content-type-options': 'nosniff',
			});
			size += Number(file.headers['content-length'] ?? 0);
		}
		expect(size).toBeGreaterThan(10_000);
		expect(size, 'all files, compressed').toBeLessThanOrEqual(60 * 1024);
		const licenses = await get('/ui/assets/licenses.txt');
		expect(licenses.text).toContain('MIT');
	});

	test.each([
		'/ui/assets/none.js',
		'/ui/assets/..%2f..%2fpackage.json',
		'/ui/assets/%2e%2e/%2e%2e/api.mjs',
		'/ui/assets/index.html%00.js',
	])('there is no file %s', async (path) => {
		const answer = await get(path);
		expect(answer.status === 404 || answer.text.startsWith('<!doctype html>'), answer.text).toBe(true);
		expect(answer.text).not.toContain('"dependencies"');
	});

	test('an API without the switch has no page, and no cookie counts there', async () => {
		await using api = await startApi();
		expect((await api.send('GET', '/ui/')).status).toBe(404);
		const cookie = { cookie: '__Host-envtier-development=x' };
		expect((await api.send('GET', '/api/whoami', { headers: cookie })).status).toBe(401);
	});
});

const OWN = { origin: 'https://s.example', 'sec-fetch-site': 'same-origin', 'envtier-client': 'dashboard' };

describe('a request with a cookie counts', () => {
	test.each([
		['with all three', 'POST', OWN, true],
		['not with another origin', 'POST', { ...OWN, origin: 'https://s.example.evil' }, false],
		['not with the same name on plain HTTP', 'POST', { ...OWN, origin: 'http://s.example' }, false],
		['not with another port', 'POST', { ...OWN, origin: 'https://s.example:8443' }, false],
		['not with the origin null', 'POST', { ...OWN, origin: 'null' }, false],
		['not when a change has no origin', 'POST', { ...OWN, origin: undefined }, false],
		['when a GET has no origin, as browsers send it', 'GET', { ...OWN, origin: undefined }, true],
		['not when a GET has another origin', 'GET', { ...OWN, origin: 'https://evil.example' }, false],
		['not from a sibling site', 'GET', { ...OWN, 'sec-fetch-site': 'same-site' }, false],
		['not from another site', 'GET', { ...OWN, 'sec-fetch-site': 'cross-site' }, false],
		['not by the address bar', 'GET', { ...OWN, 'sec-fetch-site': 'none' }, false],
		['not from a browser that says nothing', 'GET', { ...OWN, 'sec-fetch-site': undefined }, false],
		['not without our header', 'GET', { ...OWN, 'envtier-client': undefined }, false],
		['not with our header and another text', 'GET', { ...OWN, 'envtier-client': 'x' }, false],
	] as const)('%s', (_what, method, headers, counts) => {
		expect(checkSameOrigin({ method, headers }, 'https://s.example').ok).toBe(counts);
	});

	test('and otherwise the API refuses it, for reading too', async () => {
		const login = await get('/ui/session/login');
		const [cookie = ''] = String(login.headers['set-cookie']).split(';');
		expect(String(login.headers['set-cookie'])).toMatch(
			/^__Host-.*; Path=\/; Secure; HttpOnly; SameSite=Strict/,
		);
		const own = { cookie, 'sec-fetch-site': 'same-origin', 'envtier-client': 'dashboard' };
		expect((await get('/api/whoami', own)).json).toMatchObject({ subject: 'user:developer' });
		expect(await get('/api/whoami', { cookie })).toMatchObject({ status: 403 });
		expect(await get('/api/whoami', { ...own, origin: 'http://evil.example' })).toMatchObject({
			status: 403,
		});
		// A name that leads to the loopback address (DNS rebinding).
		expect(await get('/api/whoami', { ...own, host: 'evil.example' })).toMatchObject({ status: 403 });
		const wrong = { ...own, cookie: cookie.replace(/=.*/, '=guessed') };
		expect(await get('/api/whoami', wrong)).toMatchObject({ status: 401 });
	});
});

test.each([
	['a', 'a=1', '1'],
	['a', 'b=2; a=1', '1'],
	['a', 'a=1; a=2', undefined],
	['a', 'xa=1', undefined],
	['a', '', undefined],
	['a', `a=${'x'.repeat(20_000)}`, undefined],
] as const)('of the cookies the one named %s in "%.30s" is %s', (name, cookie, value) => {
	expect(cookieOf({ headers: { cookie } }, name)).toBe(value);
});

test.each([
	['/ui/deployments/shop?q=a', '/ui/deployments/shop?q=a'],
	['//evil.example', '/ui/'],
	['/ui//evil.example', '/ui/'],
	['/ui/\\evil.example', '/ui/'],
	['https://evil.example/ui/', '/ui/'],
	['/api/whoami', '/ui/'],
	['/ui/\r\nset-cookie: a=b', '/ui/'],
	[['/ui/a', '/ui/b'], '/ui/'],
	[undefined, '/ui/'],
])('the login leads back from %j to %s', (asked, path) => {
	expect(returnPath(asked)).toBe(path);
});

describe('the development identity', () => {
	const env = {
		ENVTIER_API_STORE: 'memory',
		ENVTIER_API_DASHBOARD: 'true',
		ENVTIER_API_DASHBOARD_DEVELOPMENT: 'true',
	};
	test('is accepted on the memory store and a loopback address', () => {
		expect(readSettings(env).ok).toBe(true);
	});
	test.each([
		[
			'with Vault',
			{ ENVTIER_API_STORE: 'vault', ENVTIER_VAULT_ADDR: 'https://vault', ENVTIER_API_VAULT_TOKEN: 't' },
		],
		['on another address', { ENVTIER_API_LISTEN: '0.0.0.0:8210', ENVTIER_API_INSECURE_HTTP: 'true' }],
		['beside an issuer', { ENVTIER_API_OIDC_ISSUER: 'https://issuer.example' }],
		['in a cluster', { KUBERNETES_SERVICE_HOST: '10.0.0.1' }],
		['in production', { NODE_ENV: 'production' }],
		['without the dashboard', { ENVTIER_API_DASHBOARD: 'false' }],
	])('is refused %s', (_where, changed) => {
		const read = readSettings({ ...env, ...changed });
		expect(read).toMatchObject({
			ok: false,
			error: expect.stringContaining('ENVTIER_API_DASHBOARD_DEVELOPMENT'),
		});
	});
});
