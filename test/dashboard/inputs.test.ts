/** In a real browser: answers that break off, fields that keep what is typed, choices for typed names. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInBrowser, startBrowser } from './support/browser.ts';
import { expectClean, startTested, type Tested } from './support/dashboard.ts';

describeInBrowser('fields', () => {
	let browser: Browser;
	let tested: Tested;
	beforeAll(async () => {
		[browser, tested] = await Promise.all([startBrowser(), startTested('memory')]);
	});
	afterAll(async () => {
		await browser?.close();
		await tested?.[Symbol.asyncDispose]();
	});

	test('the search keeps what somebody types while a message goes away', async () => {
		const opened = await tested.open(browser);
		const { page, context } = opened;
		await page.getByRole('link', { name: 'Recycle bin' }).click();
		await page.getByRole('button', { name: 'Undelete OLD_API_TOKEN' }).click();
		const toast = page.locator('.toast', { hasText: 'is back with its last value' });
		await toast.waitFor();
		await page.getByLabel('Search all secrets').fill('smtp');
		await page.keyboard.press('Enter');
		await page.getByRole('link', { name: 'Deployments', exact: true }).waitFor();
		await page.getByLabel('Text in key or description').fill('database');
		await page.getByLabel('Tag', { exact: true }).pressSequentially('team:w');
		// The first text counts now; the second one is still typed when the message ends.
		await expect.poll(() => page.url()).toContain('q=database');
		await page.locator('.toast p').waitFor({ state: 'detached' });
		expect(await page.getByLabel('Tag', { exact: true }).inputValue()).toBe('team:w');
		await page.getByLabel('Tag', { exact: true }).pressSequentially('eb');
		await page.keyboard.press('Enter');
		await expect.poll(() => page.url()).toMatch(/q=database.*&tag=team%3Aweb/);
		await expect.poll(() => page.locator('main').innerText()).toContain('DATABASE_URL');
		await expectClean(opened);
		await context.close();
	});

	test('a filter keeps what somebody types as soon as it is there', async () => {
		const opened = await tested.open(browser);
		const { page, context } = opened;
		// Types before the browser has painted the field.
		await page.addInitScript(`
			const look = new MutationObserver(() => {
				const field = document.querySelector('main form input');
				if (field === null) return;
				look.disconnect();
				field.value = 'typed early';
				field.dispatchEvent(new Event('input', { bubbles: true }));
			});
			look.observe(document, { childList: true, subtree: true });
		`);
		await page.goto(`${tested.url}/ui/audit?deployment=shop`);
		await page.getByRole('heading', { name: 'Audit' }).waitFor();
		await page
			.getByText(/^[0-9,]+ entr/)
			.or(page.getByRole('alert'))
			.first()
			.waitFor();
		expect(await page.getByLabel('Deployment').first().inputValue()).toBe('typed early');
		// Nor does it keep anything of a filter that is gone.
		await page.getByLabel('Who').fill('user:ada');
		await page.keyboard.press('Enter');
		await expect.poll(() => page.url()).toContain('actor=user%3Aada');
		await page.getByRole('link', { name: 'Audit', exact: true }).click();
		await expect.poll(() => page.url()).not.toContain('actor');
		await expect.poll(() => page.getByLabel('Who').inputValue()).toBe('');
		await context.close();
	});

	test.each([
		['a connection that breaks within an answer', 'reject', /^The server cannot be reached\./],
		[
			'an answer of something else than the API',
			'<p>Sign in to the network</p>',
			/did not come from the API/,
		],
	])('%s is told, and the call can be repeated', async (_what, body, sentence) => {
		const opened = await tested.open(browser);
		const { page, context } = opened;
		await page.addInitScript(`
			let times = 1;
			for (const name of ['text', 'json']) {
				const read = Response.prototype[name];
				Response.prototype[name] = function () {
					if (!this.url.includes('/api/audit') || times-- < 1) return read.call(this);
					const body = ${JSON.stringify(body)};
					if (body === 'reject' || name === 'json') return Promise.reject(new TypeError('network error'));
					return Promise.resolve(body);
				};
			}
		`);
		await page.goto(`${tested.url}/ui/audit?deployment=shop`);
		await expect.poll(() => page.locator('main [role=alert] p').allInnerTexts()).toHaveLength(1);
		expect(await page.locator('main [role=alert] p').innerText()).toMatch(sentence);
		await page.getByRole('button', { name: 'Try again' }).click();
		await page.locator('main .count', { hasText: /entr/ }).first().waitFor();
		await context.close();
	});

	test('in Compare the service is chosen, by the keyboard too, and the address names it', async () => {
		const opened = await tested.open(browser);
		const { page, context } = opened;
		await page.goto(`${tested.url}/ui/compare?deployment=shop&with=shop-staging`);
		const service = page.getByLabel('Service', { exact: true });
		const options = () => service.locator('option').allInnerTexts();
		await expect.poll(options).toEqual(['None: what every service gets', 'web', 'worker']);
		await expectClean(opened);
		await service.focus();
		await page.keyboard.press('ArrowDown');
		await expect.poll(() => page.url()).toContain('deployment=shop&with=shop-staging&service=web');
		await expect
			.poll(() => page.getByRole('row', { name: /^GREETING/ }).innerText())
			.toMatch(/service version \d+/);
		await page.keyboard.press('ArrowUp');
		await expect.poll(() => page.url()).not.toContain('service');
		// A service that one of the two lacks, and one of an old address.
		const created = await page.evaluate(`fetch('/api/deployments', {
			method: 'POST',
			headers: { 'envtier-client': 'dashboard', 'envtier-org': 'acme', 'content-type': 'application/json' },
			body: JSON.stringify({ name: 'billing', org: 'acme' }),
		}).then(({ status }) => status)`);
		expect(created).toBe(201);
		await page.goto(`${tested.url}/ui/compare?deployment=shop&with=billing&service=gone`);
		await expect.poll(options).toContain('web (not in billing)');
		expect(await options()).toContain('gone (in neither)');
		expect(await service.inputValue()).toBe('gone');
		await expectClean(opened);
		await context.close();
	});
});
