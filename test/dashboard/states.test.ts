/** What happens to unsaved changes when something goes wrong, in a real browser. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeInBrowser, type OpenPage, startBrowser } from './support/browser.ts';
import { expectClean, expectNoCanary, PLACES, startTested, type Tested } from './support/dashboard.ts';

/** Why a call is refused. */
const ENDED = {
	memory: /No credentials/,
	'OpenBao with an issuer': /The session has ended: sign in again\./,
};

describeInBrowser('states', () => {
	describe.each(PLACES)('on %s', (place) => {
		let browser: Browser;
		let tested: Tested;
		beforeAll(async () => {
			[browser, tested] = await Promise.all([startBrowser(), startTested(place)]);
		});
		afterAll(async () => {
			await browser?.close();
			await tested?.[Symbol.asyncDispose]();
		});

		/** Opens the grid with one unsaved key. */
		async function openUnsaved(key: string) {
			const opened = await tested.open(browser);
			const { page } = opened;
			await page.goto(`${tested.url}/ui/deployments/shop`);
			await page.getByRole('button', { name: 'Add a key' }).click();
			await page.getByLabel('Key', { exact: true }).fill(key);
			await page.getByLabel('Value', { exact: true }).fill('canary-typed-before');
			await page.getByRole('button', { name: 'Keep as unsaved change' }).click();
			await page.getByRole('region', { name: 'Unsaved changes' }).waitFor();
			return opened;
		}

		test('when the session ends, what was typed is kept, and a new login saves it', async () => {
			const opened = await openUnsaved('KEPT');
			const { page, context } = opened;
			await tested.endSession(opened);
			await page.getByRole('button', { name: 'Review and save' }).click();
			await page.getByRole('button', { name: 'Save 1 change' }).click();
			await expect.poll(() => page.getByRole('dialog').innerText()).toMatch(ENDED[place]);
			await page.getByRole('button', { name: 'Back' }).click();
			const banner = page.getByText('Your session has ended. What you typed is kept on this page.');
			await banner.waitFor();
			await expectClean(opened);
			await expectNoCanary(opened, tested);
			const popup = context.waitForEvent('page');
			await page.getByRole('link', { name: 'Sign in again' }).click();
			await tested.signInAgain(await popup);
			await banner.waitFor({ state: 'detached' });
			await page.getByRole('button', { name: 'Review and save' }).click();
			await page.getByRole('button', { name: 'Save 1 change' }).click();
			await page.locator('.toast', { hasText: '1 change is saved' }).waitFor();
			await expectNoCanary(opened, tested);
			await context.close();
		});

		test('without a connection nothing is lost', async () => {
			const opened = await openUnsaved('OFFLINE');
			const { page, context } = opened;
			await context.setOffline(true);
			await page.getByText('You are offline.').waitFor();
			await page.getByRole('button', { name: 'Review and save' }).click();
			await page.getByRole('button', { name: 'Save 1 change' }).click();
			await expect.poll(() => page.getByRole('dialog').innerText()).toContain('cannot be reached');
			await context.setOffline(false);
			await page.getByRole('button', { name: 'Save 1 change' }).click();
			await page.locator('.toast', { hasText: '1 change is saved' }).waitFor();
			await expectNoCanary(opened, tested);
			await context.close();
		});

		test('an error shows the sentence of the API, and a way to try again', async () => {
			const opened = await tested.open(browser);
			const { page, context } = opened;
			await page.route('**/api/deployments', (route) =>
				route.fulfill({ status: 500, json: { error: 'the secret store failed; the log says why' } }),
			);
			await page.reload();
			await page.getByText('The secret store failed; the log says why.').waitFor();
			await expectClean(opened);
			await page.unroute('**/api/deployments');
			await page.getByRole('button', { name: 'Try again' }).click();
			await page.getByRole('link', { name: 'shop', exact: true }).waitFor();
			await context.close();
		});

		test('while something loads the page says so', async () => {
			const { page, context } = await tested.open(browser);
			let go: () => void = () => undefined;
			const held = new Promise<void>((resolve) => {
				go = resolve;
			});
			await page.route('**/grid', async (route) => {
				await held;
				await route.continue();
			});
			await page.goto(`${tested.url}/ui/deployments/shop`);
			await page.getByText('Loading the secrets …').waitFor();
			go();
			await page.getByRole('grid').waitFor();
			await context.close();
		});

		test('signing out ends the session', async () => {
			const opened = await tested.openAlone(browser);
			const { page, context } = opened;
			await page.getByRole('button', { name: 'Sign out' }).click();
			await tested.finishSignOut(page);
			await page.getByRole('link', { name: /^Sign in/ }).waitFor();
			await expectClean(opened);
			expect(await statusOf(opened)).toBe(401);
			await context.close();
		});
	});
});

/** The status of a call that the page sends. */
const statusOf = ({ page }: OpenPage): Promise<unknown> =>
	page.evaluate(
		`fetch('/api/whoami', { headers: { 'envtier-client': 'dashboard' } }).then(({ status }) => status)`,
	);
