/** Signing in with a real OpenID provider, in a real browser, at the shipped API on a real OpenBao. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { vaultEnv } from '../api/support/both.ts';
import { type ApiProcess, startApiProcess } from '../api/support/process.ts';
import { call } from '../support/http.ts';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { freePort } from '../support/ports.ts';
import { scratch } from '../support/scratch.ts';
import { describeInBrowser, startBrowser, tracesOf } from './support/browser.ts';
import { type LoginIssuer, logInAtIssuer, startLoginIssuer } from './support/issuer.ts';
import { openSecurePage } from './support/signed-in.ts';

const COOKIE = '__Host-envtier-session';

describeInBrowser('signing in', () => {
	const ending = new AsyncDisposableStack();
	let browser: Browser;
	let bao: OpenBao;
	let issuer: LoginIssuer;
	let api: ApiProcess;
	beforeAll(async () => {
		browser = await startBrowser();
		ending.defer(() => browser.close());
		bao = await startOpenBao();
		ending.defer(() => bao.stop());
		const port = await freePort();
		issuer = ending.use(await startLoginIssuer(() => `https://127.0.0.1:${port}`));
		const place = ending.use(await scratch('sign-in'));
		const keysFile = join(place.dir, 'keys.json');
		await writeFile(keysFile, JSON.stringify({ current: randomBytes(32).toString('base64') }));
		const env = {
			...(await vaultEnv(bao)),
			ENVTIER_API_LISTEN: `127.0.0.1:${port}`,
			ENVTIER_API_OIDC_ISSUER: issuer.url,
			ENVTIER_API_OIDC_CA: issuer.caPem,
			ENVTIER_API_OIDC_AUDIENCE: issuer.audience,
			ENVTIER_API_OIDC_LOGIN_SCOPES: `openid offline_access ${['read', 'write', 'delete'].map((one) => `secrets:${one}`).join(' ')}`,
			ENVTIER_API_DASHBOARD: 'true',
			ENVTIER_API_DASHBOARD_ORIGIN: `https://127.0.0.1:${port}`,
			ENVTIER_API_DASHBOARD_CLIENT_ID: issuer.clientId,
			ENVTIER_API_DASHBOARD_KEYS_FILE: keysFile,
			ENVTIER_LOG_LEVEL: 'debug',
		};
		api = ending.use(await startApiProcess(env, []));
	});
	afterAll(() => ending.disposeAsync());

	test('leads to the issuer and back to the view, and signing out ends it everywhere', async () => {
		const opened = await openSecurePage(browser);
		const { page, context } = opened;
		await page.goto(`${api.url}/ui/templates`);
		await page.getByRole('link', { name: 'Sign in', exact: true }).click();
		await logInAtIssuer(page, issuer, 'alice');
		await page.getByRole('heading', { name: 'Templates', exact: true }).waitFor();
		expect(new URL(page.url()).pathname).toBe('/ui/templates');
		await page.getByText('Signed in as alice').waitFor();
		// The provider is on the same host, and cookies know no ports.
		const ours = async () =>
			(await context.cookies(api.url)).filter(({ name }) => name.startsWith('__Host-envtier'));
		const cookies = await ours();
		expect(cookies.map(({ name }) => name)).toEqual([COOKIE]);
		const [session] = cookies;
		expect(session).toMatchObject({ httpOnly: true, secure: true, sameSite: 'Strict', path: '/' });
		expect(`${COOKIE}=${session?.value}`.length).toBeLessThan(4_096);
		// No token of the issuer, readable or not: the cookie has one part more than a JWT, and is short.
		expect(session?.value.split('.')).toHaveLength(5);
		expect(await tracesOf(page)).not.toContain(session?.value);
		expect(opened.problems).toEqual([]);

		await page.getByRole('link', { name: 'Deployments', exact: true }).click();
		await page.getByRole('button', { name: 'New deployment' }).click();
		await page.getByLabel('Name').fill('shop');
		await page.getByRole('button', { name: 'Create', exact: true }).click();
		await page.getByText('No secrets yet').waitFor();

		await page.getByRole('button', { name: 'Sign out' }).click();
		await page.waitForURL(`${issuer.url}/session/end**`);
		expect(issuer.requests()).toContain('revocation');
		expect(await ours()).toEqual([]);
		// A copy of the cookie is worth nothing any more.
		const copied = await call({
			url: `${api.url}/api/whoami`,
			anyCertificate: true,
			headers: {
				...{ cookie: `${COOKIE}=${session?.value}`, 'sec-fetch-site': 'same-origin' },
				'envtier-client': 'dashboard',
			},
		});
		expect(copied).toMatchObject({ status: 401, json: { error: expect.stringContaining('sign in again') } });
		expect(api.process.stdout()).not.toContain(session?.value);
		await context.close();
	});

	test('what an issuer says about a refusal is shown as text', async () => {
		const { page, context, problems } = await openSecurePage(browser);
		// A real login, up to the issuer's pages; then an answer of an issuer that is hostile.
		const atIssuer = page.waitForRequest((request) => request.url().startsWith(`${issuer.url}/auth?`));
		await page.goto(`${api.url}/ui/session/login`);
		const state = new URL((await atIssuer).url()).searchParams.get('state') ?? '';
		const markup = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
		const refusal = { error: 'access_denied', error_description: markup, state, iss: issuer.url };
		const answer = await page.goto(`${api.url}/ui/session/callback?${new URLSearchParams(refusal)}`);
		expect(answer?.headers()['content-security-policy']).toContain("default-src 'none'");
		await page.getByText('The issuer did not complete the login').waitFor();
		expect(await page.evaluate('window.hacked')).toBeUndefined();
		expect(await page.locator('img, script').count()).toBe(0);
		expect(problems).toEqual([]);
		await context.close();
	});

	test.each([
		['without a login that was started here', '?code=x&state=y', {}, 400],
		['with a cookie that is not ours', '?code=x&state=y', { cookie: '__Host-envtier-login=x' }, 400],
	])('a callback %s is refused', async (_what, query, headers, status) => {
		const answer = await call({
			url: `${api.url}/ui/session/callback${query}`,
			anyCertificate: true,
			headers,
		});
		expect(answer.status).toBe(status);
		expect(answer.headers['set-cookie']?.toString()).not.toContain(COOKIE);
	});

	test('a callback with another state, and a code that the issuer does not know, are refused', async () => {
		const started = await call({ url: `${api.url}/ui/session/login`, anyCertificate: true });
		expect(started.status).toBe(303);
		const to = new URL(String(started.headers['location']));
		expect(to.origin).toBe(issuer.url);
		expect(to.searchParams.get('code_challenge_method')).toBe('S256');
		const set = String(started.headers['set-cookie']);
		expect(set).toMatch(/^__Host-envtier-login=.*; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=600$/);
		const [cookie = ''] = set.split(';');
		for (const state of ['other', to.searchParams.get('state')]) {
			const query = new URLSearchParams({ code: 'guessed', state: state ?? '', iss: issuer.url });
			const url = `${api.url}/ui/session/callback?${query}`;
			const answer = await call({ url, anyCertificate: true, headers: { cookie } });
			expect(answer.status, answer.text).toBe(502);
			expect(String(answer.headers['set-cookie'])).not.toContain(COOKIE);
		}
	});
});
