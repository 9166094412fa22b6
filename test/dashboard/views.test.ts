/** The other views in a real browser, against the real API. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeInBrowser, type OpenPage, startBrowser, tracesOf } from './support/browser.ts';
import { expectClean, PLACES, startTested, type Tested } from './support/dashboard.ts';

describeInBrowser('views', () => {
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

		async function openAt(path: string): Promise<OpenPage> {
			const opened = await tested.open(browser);
			await opened.page.goto(`${tested.url}/ui/${path}`);
			return opened;
		}
		const mainText = ({ page }: OpenPage) => page.locator('main').innerText();

		test('the list of deployments has services, numbers, missing and expiring ones', async () => {
			const opened = await openAt('');
			const row = opened.page.getByRole('row', { name: /^shop / });
			await expect
				.poll(() => row.innerText())
				.toMatch(/web, worker[\s\S]*13[\s\S]*2 missing[\s\S]*5 within 30 days/);
			await opened.page.getByRole('link', { name: '2 missing' }).click();
			await expect.poll(() => opened.page.url()).toContain('/ui/deployments/shop?problems=1');
			await opened.context.close();
		});

		test('the history of a key: where it comes from, versions, undelete, destroy behind its key', async () => {
			const opened = await openAt('deployments/shop/keys/OLD_API_TOKEN');
			const { page } = opened;
			await page.getByRole('button', { name: 'Undelete' }).click();
			await expect.poll(() => mainText(opened)).toContain('The service web gets it from its own tier.');
			await page.getByRole('button', { name: 'Destroy …' }).click();
			const destroy = page.getByRole('button', { name: 'Destroy all versions' });
			expect(await destroy.isDisabled()).toBe(true);
			await page.getByLabel('Type OLD_API_TOKEN to confirm').fill('OLD_API_TOKEN');
			await expectClean(opened);
			await destroy.click();
			await expect.poll(() => mainText(opened)).toContain('The service web does not get it.');
			await expect.poll(() => mainText(opened)).toContain('destroyed');
			await page.goto(`${tested.url}/ui/deployments/shop/keys/FEATURE_FLAGS`);
			await expect.poll(() => page.getByRole('row').allInnerTexts()).toHaveLength(4);
			expect(await mainText(opened)).toContain('the Reveal program must be installed');
			expect(await mainText(opened)).toMatch(/Who can read the value[\s\S]*ada \(manager\)/);
			await expectClean(opened);
			await opened.context.close();
		});

		test('compares two deployments, and promotes the missing keys as unsaved ones', async () => {
			const opened = await openAt('compare');
			const { page } = opened;
			await page.getByLabel('Deployment', { exact: true }).selectOption('shop');
			await page.getByLabel('Compare with').selectOption('shop-staging');
			await expect.poll(() => page.url()).toContain('deployment=shop&with=shop-staging');
			await expect.poll(() => mainText(opened)).toMatch(/SESSION_KEY[\s\S]*missing there/);
			await page.getByRole('button', { name: /^Add \d+ missing to shop-staging$/ }).click();
			await page.getByRole('region', { name: 'Unsaved changes' }).waitFor();
			await expect.poll(() => mainText(opened)).toContain('needs a value');
			await page.getByRole('button', { name: 'Discard all' }).click();
			await opened.context.close();
		});

		test('members: who can read values, adding, changing and removing', async () => {
			const opened = await openAt('deployments/shop/members');
			const { page } = opened;
			await expect.poll(() => mainText(opened)).toContain('because of your role in acme');
			await page.getByLabel('Add a member').fill('eve@example.com');
			await page.getByRole('button', { name: 'Add', exact: true }).click();
			const eve = page.getByRole('row', { name: /eve@example.com \(invited\)/ });
			await eve.waitFor();
			await eve.getByRole('combobox').selectOption('viewer');
			await expect.poll(() => eve.getByRole('combobox').inputValue()).toBe('viewer');
			await eve.getByRole('button').click();
			await page.getByRole('button', { name: 'Remove', exact: true }).last().click();
			await expect.poll(() => eve.count()).toBe(0);
			// The API's own sentence.
			await page.getByRole('button', { name: 'Remove developer' }).click();
			await page.getByRole('button', { name: 'Remove', exact: true }).last().click();
			await page.getByLabel('Add a member').fill('user:ada');
			await page.getByRole('button', { name: 'Add', exact: true }).click();
			await expect.poll(() => page.getByRole('alert').first().innerText()).toMatch(/^[A-Z].*\.$/);
			await opened.context.close();
		});

		test('search, expiring, and the recycle bin over everything, with undelete', async () => {
			const opened = await openAt('');
			const { page } = opened;
			await page.getByLabel('Search all secrets').fill('smtp');
			await page.keyboard.press('Enter');
			await expect.poll(() => mainText(opened)).toMatch(/SMTP_PASSWORD[\s\S]*the organization/);
			await page.getByRole('link', { name: 'Expiring' }).click();
			await expect.poll(() => mainText(opened)).toMatch(/ORDERS_SERVER_CERT[\s\S]*in 2\d days/);
			await page.goto(`${tested.url}/ui/deployments/shop-staging`);
			await page.getByRole('gridcell', { name: 'set' }).first().click();
			await page.getByRole('button', { name: 'Delete', exact: true }).click();
			await page.getByRole('button', { name: 'Review and save' }).click();
			await page.getByRole('button', { name: 'Save 1 change' }).click();
			await page.getByRole('dialog').waitFor({ state: 'detached' });
			await page.getByRole('link', { name: 'Recycle bin' }).click();
			await page
				.getByRole('button', { name: /^Undelete/ })
				.first()
				.click();
			await expect.poll(() => page.locator('.toast').innerText()).toContain('is back with its last value');
			await opened.context.close();
		});

		test('templates: creating, sharing, deleting', async () => {
			const opened = await openAt('templates');
			const { page } = opened;
			await page.getByRole('button', { name: 'New template' }).click();
			await page.getByLabel('Name').fill('from-the-page');
			await expectClean(opened);
			await page.getByRole('button', { name: 'Create' }).click();
			await page.getByRole('button', { name: 'Share with acme' }).click();
			await page.getByRole('button', { name: 'Stop sharing with acme' }).waitFor();
			await page.getByRole('button', { name: 'Delete the template' }).click();
			await page.getByRole('button', { name: 'Delete', exact: true }).click();
			await page.getByRole('heading', { name: 'Templates', exact: true }).waitFor();
			await opened.context.close();
		});

		test('API keys: shown once, and deleted', async () => {
			const opened = await openAt('keys');
			const { page } = opened;
			await page.getByRole('button', { name: 'New API key' }).click();
			await page.getByLabel('Name').fill('ci');
			await page.getByRole('button', { name: 'Create' }).click();
			const key = await page.getByRole('dialog').locator('pre').innerText();
			expect(key).toMatch(/^envtier_/);
			await page.getByRole('button', { name: 'Done' }).click();
			expect(await tracesOf(page)).not.toContain(key);
			expect(tested.output()).not.toContain(key);
			await page.getByRole('button', { name: 'Delete ci' }).click();
			await page.getByRole('button', { name: 'Delete', exact: true }).last().click();
			await expect.poll(() => mainText(opened)).toContain('You have no API keys');
			await opened.context.close();
		});

		test('the audit has filters and a CSV', async () => {
			const opened = await openAt('audit?deployment=shop');
			const { page } = opened;
			await page.getByLabel('Who').fill('user:ada');
			await page.getByLabel('Key').fill('FEATURE_FLAGS');
			// A load that ends while somebody types takes nothing away.
			await expect.poll(() => mainText(opened)).toContain('12 entries');
			expect(await page.getByLabel('Key').inputValue()).toBe('FEATURE_FLAGS');
			await page.keyboard.press('Enter');
			await expect.poll(() => mainText(opened)).toMatch(/ada[\s\S]*secrets\.update[\s\S]*FEATURE_FLAGS/);
			await expect.poll(() => mainText(opened)).toContain('3 entries');
			const download = page.waitForEvent('download');
			await page.getByRole('button', { name: 'Download as CSV' }).click();
			const stream = await (await download).createReadStream();
			const text = (await stream.toArray()).join('');
			expect(text).toMatch(/^time,actor,via,action[^\r]*\r\n.*user:ada,api-key,secrets\.update/);
			await opened.context.close();
		});

		test('pods: annotations and the command that finds them, to copy', async () => {
			const opened = await openAt('deployments/shop/pods');
			const { page, context } = opened;
			await context.grantPermissions(['clipboard-read', 'clipboard-write']);
			await page.getByLabel('Service').selectOption('web');
			await page.getByRole('button', { name: 'Copy the annotations' }).click();
			await page.locator('.toast', { hasText: 'Copied' }).waitFor();
			expect(await page.evaluate('navigator.clipboard.readText()')).toContain('envtier.dev/service: web');
			expect(await mainText(opened)).toContain(
				'envtier consumers DATABASE_URL --deployment shop --service web',
			);
			await context.close();
		});

		test('another organization is empty, and says what to do next', async () => {
			const opened = await openAt('');
			const { page } = opened;
			await page.getByLabel('Organization').selectOption('globex');
			await expect.poll(() => mainText(opened)).toContain('No deployments yet');
			expect(page.url()).toContain('org=globex');
			await page.getByRole('button', { name: 'Create the first deployment' }).click();
			await page.getByLabel('Name').fill('site');
			await page.getByRole('button', { name: 'Create', exact: true }).click();
			await expect.poll(() => mainText(opened)).toContain('No secrets yet');
			await page.getByLabel('Organization').selectOption('acme');
			await page.getByRole('link', { name: 'shop', exact: true }).waitFor();
			await opened.context.close();
		});
	});
});
