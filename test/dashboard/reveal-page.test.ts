/** The page of the Reveal program in a real browser, with a real issuer, on a real OpenBao. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SCOPES } from '../../api/auth/caller.ts';
import { restoreQuery } from '../../ui/state/texts.ts';
import { startWithReveal, type WithReveal } from '../api/support/reveal.ts';
import { bundleOf } from '../support/bundles.ts';
import { type CodeIssuer, startCodeIssuer } from '../support/code-issuer.ts';
import {
	axeFindings,
	describeInBrowser,
	type OpenPage,
	openPage,
	startBrowser,
	tracesOf,
} from './support/browser.ts';

const VALUE = 'canary-page-3f9a\u202e';
const SHOWN = 'canary-page-3f9a\\u{202e}';
const REASON = 'incident 42';
/** A token. Random texts in addresses may hold `eyJ` as well, but no such header with a payload. */
const JWT = /eyJ[\w-]{8,}\.[\w-]/;
/** The picture in the documentation. `UPDATE=1` renews it. */
const PICTURE = join(import.meta.dirname, '../../docs/images/reveal-restore-light.png');

describeInBrowser('the page of the Reveal program', () => {
	let browser: Browser;
	let issuer: CodeIssuer;
	let on: WithReveal;

	beforeAll(async () => {
		browser = await startBrowser();
		issuer = await startCodeIssuer((subject) => ({
			org: 'acme',
			roles: subject === 'ada' ? ['org_admin'] : [],
		}));
		const both = {
			ENVTIER_API_OIDC_ISSUER: issuer.url,
			ENVTIER_API_OIDC_CA: issuer.caPem,
			ENVTIER_API_OIDC_SCOPES: SCOPES.join(','),
		};
		const beside = pathToFileURL(await bundleOf('api')).href;
		const page = { ENVTIER_API_OIDC_CLIENT_ID: 'envtier-reveal', ENVTIER_API_ELEVATION_SECONDS: '600' };
		on = await startWithReveal(page, { both, dashboardBeside: beside });
		issuer.register('envtier-reveal', `${on.reveal.url}/ui/reveal`);
		const session = (sub: string, aud: string) => issuer.session({ sub, aud, org: 'acme' });
		const [api, reveal] = [await session('olga', 'envtier-api'), await session('olga', 'envtier-reveal')];
		const named = { name: 'shop', org: 'acme' };
		await on.reveal.send('POST', '/api/access', { as: reveal, body: named });
		await on.api.send('POST', '/api/deployments', { as: api, body: named });
		const secret = { key: 'TOKEN', value: VALUE, deploymentName: 'shop' };
		expect((await on.api.send('POST', '/api/secrets', { as: api, body: secret })).status).toBe(201);
	}, 120_000);
	afterAll(async () => {
		await browser?.close();
		await on?.[Symbol.asyncDispose]();
		await issuer?.[Symbol.asyncDispose]();
	});

	const address = (query = 'deployment=shop&key=TOKEN') => `${on.reveal.url}/ui/reveal?${query}`;

	/** Opens the page, and signs in at the issuer's login page. */
	async function open(subject: string, at = address(), shown?: string): Promise<OpenPage> {
		const opened = await openPage(browser, { ignoreHTTPSErrors: true });
		await opened.context.grantPermissions(['clipboard-read', 'clipboard-write']);
		const { page } = opened;
		// The issuer's login page asks for a font from elsewhere.
		await opened.context.route(/^(?!https?:\/\/127\.0\.0\.1:)/, (route) => route.fulfill({ body: '' }));
		await page.goto(at);
		await page.getByRole('button', { name: 'Sign in' }).click();
		await page.locator('input[name=login]').fill(subject);
		await page.locator('input[name=password]').fill('any');
		await page.locator('button[type=submit]').click();
		await page.waitForURL((url) => url.pathname !== '/' && !url.pathname.endsWith('/login'));
		const consent = page.getByRole('button', { name: 'Continue' });
		const ready = shown === undefined ? page.getByLabel('Reason') : page.getByRole('button', { name: shown });
		await consent.or(ready).first().waitFor();
		if (await consent.isVisible()) await consent.click();
		await ready.waitFor();
		return opened;
	}
	const show = (page: Page) => page.getByRole('button', { name: 'Show the value' });
	const value = (page: Page) => page.getByRole('region', { name: 'Value', exact: true });

	test('shows a value to a manager, for a reason, and hides it when the window loses the focus', async () => {
		const { page, problems, context, requests } = await open('olga');
		expect(page.url()).toBe(address());
		await show(page).click();
		await page.getByText('Say why you need the value').waitFor();
		await page.getByLabel('Reason').fill(REASON);
		expect(await tracesOf(page)).not.toContain('canary');
		await show(page).click();
		await expect.poll(() => value(page).textContent()).toBe(SHOWN);
		expect(await axeFindings(page)).toEqual([]);
		await page.getByRole('button', { name: 'Copy' }).click();
		expect(await page.evaluate('navigator.clipboard.readText()')).toBe(VALUE);
		await page.evaluate('dispatchEvent(new Event("blur"))');
		await value(page).waitFor({ state: 'detached' });
		expect(await tracesOf(page)).not.toContain('canary');
		await page.reload();
		await page.getByRole('button', { name: 'Sign in' }).waitFor();
		const traces = await tracesOf(page);
		expect(traces).not.toContain('canary');
		expect(traces).not.toMatch(JWT);
		expect(requests.map(({ url }) => url).join()).not.toMatch(JWT);
		// Cookies know no port: the issuer's are sent to the program as well.
		const cookies = await context.cookies(on.reveal.url);
		expect(cookies.filter(({ name }) => !/^_(?:session|interaction|grant)/.test(name))).toEqual([]);
		expect(problems).toEqual([]);
		const line = on.reveal.audit().find(({ action }) => action === 'secrets.reveal');
		expect(line).toMatchObject({ reason: REASON, key: 'TOKEN', actor: 'user:olga' });
		await context.close();
	});

	test('shows a value, an address and a refusal that are markup as text', async () => {
		const markup = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
		const as = await issuer.session({ sub: 'olga', aud: 'envtier-api', org: 'acme' });
		const body = { key: 'MARKUP', value: markup, deploymentName: 'shop' };
		expect((await on.api.send('POST', '/api/secrets', { as, body })).status).toBe(201);
		const { page, context, problems } = await open('olga', address('deployment=shop&key=MARKUP'));
		const expectHarmless = async (): Promise<void> => {
			expect(await page.evaluate('window.hacked')).toBeUndefined();
			expect(await page.locator('main img, main script, [onerror]').count()).toBe(0);
		};
		await page.getByLabel('Reason').fill(markup);
		await show(page).click();
		await expect.poll(() => value(page).textContent()).toBe(markup);
		await expectHarmless();
		for (const query of [
			new URLSearchParams({ deployment: markup, key: markup }),
			new URLSearchParams({ error: 'access_denied', error_description: markup, state: 'x' }),
		]) {
			await page.goto(address(String(query)));
			await page.locator('main').waitFor();
			await expectHarmless();
		}
		expect(problems).toEqual([]);
		await context.close();
	});

	test('hides a value after 30 seconds', async () => {
		const { page, context } = await open('olga');
		await page.clock.install();
		await page.getByLabel('Reason').fill(REASON);
		await show(page).click();
		await value(page).waitFor();
		await page.clock.runFor(29_000);
		expect(await value(page).isVisible()).toBe(true);
		await page.clock.runFor(2_000);
		await value(page).waitFor({ state: 'detached' });
		await context.close();
	});

	test('asks an admin for an elevation, shows its time, and ends it', async () => {
		const { page, context, problems } = await open('ada');
		await page.getByLabel('Reason').fill(REASON);
		await show(page).click();
		await page.getByRole('button', { name: 'Start an elevation' }).click();
		await page.getByText(/Your elevation ends in (?:10:00|9:5\d)/).waitFor();
		await show(page).click();
		await value(page).waitFor();
		expect(await axeFindings(page)).toEqual([]);
		await page.getByRole('button', { name: 'End it now' }).click();
		await value(page).waitFor({ state: 'detached' });
		await show(page).click();
		await page.getByRole('button', { name: 'Start an elevation' }).waitFor();
		expect(problems).toEqual([]);
		await context.close();
	});

	test('shows the program’s refusal to somebody who may not see it', async () => {
		const { page, context } = await open('outsider');
		await page.getByLabel('Reason').fill(REASON);
		await show(page).click();
		await page.getByRole('alert').waitFor();
		expect(await value(page).count()).toBe(0);
		await context.close();
	});

	test('restores an old version after one confirmation, and tells that somebody else was faster', async () => {
		const as = await issuer.session({ sub: 'olga', aud: 'envtier-api', org: 'acme' });
		const created = await on.api.send('POST', '/api/secrets', {
			...{ as, body: { key: 'DATABASE_URL', value: 'canary-old', deploymentName: 'shop' } },
		});
		const { id } = created.json as { id: string };
		const write = async (value: string) =>
			expect((await on.api.send('PUT', '/api/secrets', { as, body: { id, value } })).status).toBe(200);
		await write('canary-new');
		const old = { id, version: 1, expected: 2 };
		const query = restoreQuery('DATABASE_URL', { deployment: 'shop', service: '' }, old);
		const button = 'Restore version 1';
		const { page, context, problems } = await open('olga', address(query), button);
		expect(page.url()).toBe(address(query));
		await page.getByRole('heading', { name: 'Restore version 1 of DATABASE_URL' }).waitFor();
		expect(await axeFindings(page)).toEqual([]);
		if (process.env['UPDATE']) await page.screenshot({ path: PICTURE });
		await write('canary-newer');
		await page.getByRole('button', { name: button }).click();
		await expect
			.poll(() => page.getByRole('alert').innerText())
			.toBe('The secret DATABASE_URL was changed meanwhile: look at its versions again.');
		await context.close();

		const again = restoreQuery('DATABASE_URL', { deployment: 'shop', service: '' }, { ...old, expected: 3 });
		const second = await open('olga', address(again), button);
		await second.page.getByRole('button', { name: button }).click();
		await second.page.getByText('Version 1 is restored: its value is now version 4.').waitFor();
		expect(await axeFindings(second.page)).toEqual([]);
		expect(await tracesOf(second.page)).not.toContain('canary');
		expect([...problems, ...second.problems]).toEqual([]);
		// The address says one key, and the id is of another.
		await second.page.goto(address(again.replace('key=DATABASE_URL', 'key=TOKEN')));
		await second.page.getByText('This address names no secret').waitFor();
		await second.context.close();
		const seen = await open('olga', address('deployment=shop&key=DATABASE_URL'));
		await seen.page.getByLabel('Reason').fill(REASON);
		await show(seen.page).click();
		await expect.poll(() => value(seen.page).textContent()).toBe('canary-old');
		await seen.context.close();
		const line = on.reveal
			.audit()
			.find(({ action, status }) => action === 'secrets.restore' && status === 200);
		expect(line).toMatchObject({ key: 'DATABASE_URL', actor: 'user:olga' });
	});

	test('takes no sign-in of another page, and names what an address lacks', async () => {
		const { page, context } = await openPage(browser, { ignoreHTTPSErrors: true });
		await page.goto(address('deployment=shop'));
		await page.getByText('This address names no secret').waitFor();
		await page.goto(`${address()}&code=stolen&state=planted`);
		await page.getByText('This sign-in was not started here').waitFor();
		expect(page.url()).toBe(`${on.reveal.url}/ui/reveal`);
		await context.close();
		const grant = {
			code: 'x',
			verifier: 'v'.repeat(43),
			iss: issuer.url,
			redirectUri: `${on.reveal.url}/ui/reveal`,
		};
		const post = async (body: object, headers: Record<string, string>) => {
			const sent = { 'content-type': 'application/json', ...headers };
			const response = await fetch(`${on.reveal.url}/ui/reveal/token`, {
				...{ method: 'POST', headers: sent, body: JSON.stringify(body) },
			});
			return [response.status, ((await response.json()) as { error: string }).error];
		};
		const own = { origin: on.reveal.url, 'sec-fetch-site': 'same-origin', 'envtier-client': 'dashboard' };
		expect(await post(grant, own)).toEqual([502, expect.stringContaining('invalid_grant')]);
		for (const wrong of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }])
			expect(await post(grant, { ...own, ...wrong })).toEqual([403, expect.any(String)]);
		expect(await post({ ...grant, redirectUri: 'https://evil.example/ui/reveal' }, own)).toEqual([
			403,
			expect.any(String),
		]);
		expect(await post({ ...grant, verifier: 'short' }, own)).toEqual([400, expect.any(String)]);
	});
});
