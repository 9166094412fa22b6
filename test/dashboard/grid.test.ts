/** The grid in a real browser, against the real API: seeing, changing, conflicts. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeInBrowser, type OpenPage, startBrowser } from './support/browser.ts';
import { expectClean, expectNoCanary, PLACES, startTested, type Tested } from './support/dashboard.ts';
import { cellAt } from './support/grid.ts';

describeInBrowser('the grid', () => {
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

		async function openGrid(deployment = 'shop', query = ''): Promise<OpenPage> {
			const opened = await tested.open(browser);
			await opened.page.goto(`${tested.url}/ui/deployments/${deployment}${query}`);
			await opened.page.getByRole('grid').waitFor();
			return opened;
		}

		test('says of each key what each tier does with it', async () => {
			const opened = await openGrid();
			const { page } = opened;
			await expect.poll(() => cellAt(page, 'DATABASE_URL', 3).innerText()).toBe('set');
			expect(await cellAt(page, 'DATABASE_URL', 4).innerText()).toBe('from deployment');
			const line = `getComputedStyle(document.querySelector('.cell-overridden .chip')).textDecorationLine`;
			expect(await page.evaluate(line)).toBe('line-through');
			expect(await cellAt(page, 'PAYMENT_TOKEN', 3).innerText()).toBe('missing');
			expect(await cellAt(page, 'OLD_API_TOKEN', 3).innerText()).toBe('deleted');
			await expectClean(opened);
			await opened.context.close();
		});

		test('hover and focus tell version, time, author and tags', async () => {
			const opened = await openGrid();
			const { page } = opened;
			await cellAt(page, 'FEATURE_FLAGS', 2).hover();
			const tip = page.getByRole('tooltip');
			await expect.poll(() => tip.innerText()).toContain('Version 3, written just now by ada.');
			await cellAt(page, 'DATABASE_URL', 2).focus();
			await expect.poll(() => tip.innerText()).toContain('Tags: database, team:web.');
			expect(await tip.innerText()).toContain('Overridden for: web.');
			await expectClean(opened);
			await opened.context.close();
		});

		test('filters while one types, sorts, shows problems only, and the address holds it', async () => {
			const { page, context } = await openGrid();
			const keys = () => page.getByRole('rowheader').locator('a').allInnerTexts();
			await page.getByLabel('Filter keys').pressSequentially('team:web');
			await expect.poll(keys).toEqual(['DATABASE_URL', 'SESSION_KEY']);
			await page.getByLabel('Sort').selectOption('Key, Z to A');
			await expect.poll(keys).toEqual(['SESSION_KEY', 'DATABASE_URL']);
			expect(page.url()).toContain('q=team%3Aweb&sort=-key');
			await page.reload();
			await expect.poll(keys).toEqual(['SESSION_KEY', 'DATABASE_URL']);
			await page.getByLabel('Filter keys').fill('');
			await page.getByLabel(/Only problems/).check();
			await expect.poll(keys).toContain('PAYMENT_TOKEN');
			expect(await keys()).not.toContain('DATABASE_URL');
			await context.close();
		});

		test('changes by the keyboard alone, and saves all of it at once', async () => {
			const opened = await openGrid('shop-staging');
			const { page } = opened;
			const secret = 'canary-keyboard';
			await cellAt(page, 'DATABASE_URL', 2).focus();
			await page.keyboard.press('ArrowRight');
			await page.keyboard.press('Enter');
			await page.getByLabel('Value', { exact: true }).waitFor();
			await page.keyboard.press('Tab');
			await page.getByLabel('Value', { exact: true }).focus();
			await page.keyboard.type(secret);
			await page.keyboard.press('Tab');
			await page.getByRole('button', { name: 'Keep as unsaved change' }).press('Enter');
			await expect.poll(() => cellAt(page, 'DATABASE_URL', 3).innerText()).toBe('new');
			await expectNoCanary(opened, tested);
			await page.getByRole('button', { name: 'Review and save' }).press('Enter');
			expect(await page.getByRole('dialog').innerText()).toMatch(/Added \(1\)[\s\S]*DATABASE_URL in web/);
			await expectNoCanary(opened, tested);
			await expectClean(opened);
			await page.getByRole('button', { name: 'Save 1 change' }).press('Enter');
			await expect.poll(() => cellAt(page, 'DATABASE_URL', 3).innerText()).toBe('set');
			await expectNoCanary(opened, tested);
			const holding = opened.requests.filter(({ body }) => body.includes(secret));
			expect(holding).toHaveLength(1);
			await opened.context.close();
		});

		test('pastes a .env text, changes what is there and adds the rest', async () => {
			const opened = await openGrid('shop-staging');
			const { page } = opened;
			await page.getByRole('button', { name: 'Paste .env' }).click();
			const lines = page.getByLabel('Lines of KEY=value');
			await lines.fill('FEATURE_FLAGS=one\nmy-key=2');
			expect(await page.getByRole('dialog').innerText()).toContain('"my-key" is not a key');
			await lines.fill('FEATURE_FLAGS=canary-pasted-1\nexport PASTED_KEY="canary-pasted-2"');
			expect(await page.getByRole('dialog').innerText()).toContain('1 new, 1 changed.');
			await expectClean(opened);
			await page.getByRole('button', { name: 'Keep 2 as unsaved changes' }).click();
			await expect.poll(() => cellAt(page, 'PASTED_KEY', 2).innerText()).toBe('new');
			expect(await cellAt(page, 'FEATURE_FLAGS', 2).innerText()).toBe('new value');
			await expectNoCanary(opened, tested);
			await page.getByRole('button', { name: 'Review and save' }).click();
			await page.getByRole('button', { name: 'Save 2 changes' }).click();
			await expect.poll(() => cellAt(page, 'PASTED_KEY', 2).innerText()).toBe('set');
			await expectNoCanary(opened, tested);
			await opened.context.close();
		});

		test('when somebody else was faster, nothing is saved, and the cell says so', async () => {
			const [first, second] = [await openGrid(), await openGrid()];
			const change = async ({ page }: OpenPage, value: string) => {
				await cellAt(page, 'SESSION_KEY', 2).click();
				await page.getByLabel('New value').fill(value);
				await page.getByRole('button', { name: 'Keep as unsaved change' }).click();
			};
			await change(first, 'canary-faster');
			await change(second, 'canary-slower');
			await cellAt(second.page, 'QUEUE_URL', 4).click();
			await second.page.getByLabel('Value', { exact: true }).fill('canary-another');
			await second.page.getByRole('button', { name: 'Keep as unsaved change' }).click();
			for (const { page } of [first, second])
				await page.getByRole('button', { name: 'Review and save' }).click();
			await first.page.getByRole('button', { name: 'Save 1 change' }).click();
			await expect.poll(() => cellAt(first.page, 'SESSION_KEY', 2).innerText()).toBe('set');
			const { page } = second;
			await page.getByRole('button', { name: 'Save 2 changes' }).click();
			const sheet = page.getByRole('dialog');
			await expect.poll(() => sheet.innerText()).toContain('Nothing is saved');
			expect(await sheet.innerText()).toContain('has written version 2 of SESSION_KEY meanwhile');
			await expectClean(second);
			await expectNoCanary(second, tested);
			await page.getByRole('button', { name: 'Decide SESSION_KEY' }).click();
			await page.getByRole('button', { name: 'Keep my change' }).click();
			expect(await cellAt(page, 'QUEUE_URL', 4).innerText()).toBe('new');
			await page.getByRole('button', { name: 'Review and save' }).click();
			await page.getByRole('button', { name: 'Save 2 changes' }).click();
			await expect.poll(() => cellAt(page, 'QUEUE_URL', 4).innerText()).toBe('set');
			await cellAt(page, 'SESSION_KEY', 2).hover();
			await expect.poll(() => page.getByRole('tooltip').innerText()).toContain('Version 3');
			for (const opened of [first, second]) await expectNoCanary(opened, tested);
			await first.context.close();
			await second.context.close();
		});

		test('leaving with unsaved changes asks, in the page and in the browser', async () => {
			const opened = await tested.open(browser);
			const { page } = opened;
			await page.getByRole('link', { name: 'shop', exact: true }).click();
			await page.getByRole('grid').waitFor();
			await cellAt(page, 'LOG_LEVEL', 2).click();
			await page.getByRole('button', { name: 'Delete', exact: true }).click();
			await expect.poll(() => cellAt(page, 'LOG_LEVEL', 2).innerText()).toBe('will be deleted');
			await page.getByRole('link', { name: 'Recycle bin' }).click();
			await expect.poll(() => page.getByRole('dialog').innerText()).toContain('1 change is not saved');
			await expectClean(opened);
			await page.getByRole('button', { name: 'Stay' }).click();
			expect(await cellAt(page, 'LOG_LEVEL', 2).innerText()).toBe('will be deleted');
			await page.goBack();
			await page.getByRole('button', { name: 'Stay' }).click();
			expect(page.url()).toContain('/ui/deployments/shop');
			// Reloading and closing are asked by the browser itself.
			const asked = new Promise<string>((resolve) =>
				page.once('dialog', (dialog) => {
					resolve(dialog.type());
					void dialog.dismiss();
				}),
			);
			await page.close({ runBeforeUnload: true });
			expect(await asked).toBe('beforeunload');
		});

		test('generates a password that nobody sees', async () => {
			const opened = await openGrid();
			const { page } = opened;
			await page.getByRole('button', { name: 'Generate', exact: true }).click();
			const dialog = page.getByRole('dialog');
			await dialog.getByLabel('Name', { exact: true }).fill('DB_PASSWORD');
			await dialog.getByLabel('length').fill('40');
			await expectClean(opened);
			await dialog.getByRole('button', { name: 'Generate' }).click();
			await expect.poll(() => cellAt(page, 'DB_PASSWORD', 2).innerText()).toBe('set');
			await cellAt(page, 'DB_PASSWORD', 2).click();
			expect(await dialog.innerText()).toContain('Type password.');
			await dialog.getByRole('button', { name: 'Generate a value' }).click();
			await dialog.getByRole('button', { name: 'Generate', exact: true }).click();
			await expect.poll(() => page.locator('.toast').innerText()).toContain('DB_PASSWORD changed');
			await opened.context.close();
		});

		test('tags, deletes and copies several keys', async () => {
			const opened = await openGrid();
			const { page } = opened;
			await page.getByLabel('Filter keys').fill('orders_client');
			await page.getByLabel('Select all keys in the list').check();
			const bar = page.getByRole('toolbar');
			expect(await bar.innerText()).toContain('2 selected');
			await bar.getByRole('button', { name: 'Tag' }).click();
			await page.getByLabel('Tags').fill('team:orders');
			await page.getByRole('button', { name: 'Keep as unsaved changes' }).click();
			await expect.poll(() => cellAt(page, 'ORDERS_CLIENT_CERT', 2).innerText()).toBe('new description');
			await bar.getByRole('button', { name: 'Copy keys to …' }).click();
			await page.getByLabel('Where').selectOption('The service worker');
			await page.getByRole('button', { name: 'Keep as unsaved changes' }).click();
			await expect.poll(() => cellAt(page, 'ORDERS_CLIENT_CERT', 4).innerText()).toBe('needs a value');
			await expectClean(opened);
			await page.getByRole('button', { name: 'Review and save' }).click();
			expect(await page.getByRole('dialog').innerText()).toContain('2 keys need a value');
			await page.getByRole('button', { name: 'Save 2 changes' }).click();
			await expect.poll(() => cellAt(page, 'ORDERS_CLIENT_CERT', 2).innerText()).toBe('set');
			expect(await cellAt(page, 'ORDERS_CLIENT_CERT', 4).innerText()).toBe('needs a value');
			await opened.context.close();
		});

		test('scrolls with the elements that are there, and the arrows go on from the same cell', async () => {
			const { page, context } = await openGrid();
			const changes = Array.from({ length: 100 }, (_, index) => ({
				...{ change: 'create', tier: 'deployment', key: `MANY_${1_000 + index}`, value: 'v' },
			}));
			const saved = await page.evaluate(`fetch('/api/changes', { method: 'POST',
				body: ${JSON.stringify(JSON.stringify({ deployment: 'shop', changes }))},
				headers: { 'content-type': 'application/json', 'envtier-client': 'dashboard' } })
				.then(({ status }) => status)`);
			expect(saved).toBe(200);
			await page.goto(`${tested.url}/ui/deployments/shop?q=MANY`);
			await cellAt(page, 'MANY_1003', 2).focus();
			const toTop = (top: number) => page.evaluate(`document.querySelector('.grid').scrollTop = ${top}`);
			await toTop(40);
			await page.evaluate(`for (const row of document.querySelectorAll('.grid-row')) row.known = true`);
			await toTop(2_400);
			await expect.poll(() => cellAt(page, 'MANY_1060', 2).innerText()).toBe('set');
			await expect.poll(() => page.evaluate('document.activeElement.className')).toBe('grid');
			// The window may have a row more than before.
			const made = `[...document.querySelectorAll('.grid-row')].filter((row) => !row.known).length`;
			expect(await page.evaluate(made)).toBeLessThan(10);
			const indices = `[...document.querySelectorAll('.grid-row')].every((row) =>
				row.getAttribute('aria-rowindex') - 2 + 1000 === Number(row.querySelector('a').textContent.slice(5)))`;
			expect(await page.evaluate(indices)).toBe(true);
			await page.keyboard.press('ArrowDown');
			const focused = `document.activeElement.closest('.grid-row')?.querySelector('a').textContent`;
			await expect.poll(() => page.evaluate(focused)).toBe('MANY_1004');
			await context.close();
		});
	});
});
