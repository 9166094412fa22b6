/**
 * What a new user does, by the texts that they see alone: no address is typed, and no element is found by its
 * class. Keeps a picture of each step
 * on the memory store: the pages are the same in both places.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeInBrowser, startBrowser } from './support/browser.ts';
import { expectClean, PLACES, startTested } from './support/dashboard.ts';

const ARTIFACTS = join(import.meta.dirname, '../../.cache/dashboard');

describeInBrowser('a new user', () => {
	test.each(PLACES)(
		'on %s finds, overrides, generates, compares, restores, and sees who did it',
		{
			timeout: 120_000,
		},
		async (place) => {
			await mkdir(ARTIFACTS, { recursive: true });
			await using tested = await startTested(place);
			const browser = await startBrowser();
			try {
				const opened = await tested.open(browser);
				const { page } = opened;
				// The address of the Reveal program. With it, the API would want its access records.
				await page.route('**/ui/config', async (route) => {
					const response = await route.fetch();
					const config = (await response.json()) as object;
					await route.fulfill({ response, json: { ...config, revealUrl: 'https://reveal.example' } });
				});
				await page.reload();
				await page.getByRole('heading', { name: 'Deployments', exact: true }).waitFor();
				const main = page.getByRole('main');
				let step = 0;
				const look = async (name: string) => {
					step += 1;
					if (place === 'memory')
						await page.screenshot({ path: join(ARTIFACTS, `newcomer-${step}-${name}.png`) });
					await expectClean(opened);
				};
				await look('signed-in');

				// Which tier gives DATABASE_URL to the service web?
				await main.getByRole('link', { name: 'shop-staging', exact: true }).click();
				const row = page.getByRole('row', { name: 'DATABASE_URL' });
				const header = page.getByRole('columnheader');
				await row.waitFor();
				const web = (await header.allInnerTexts()).findIndex((text) => /\bweb$/.test(text.trim()));
				const cell = row.getByRole('gridcell').nth(web - 1);
				expect(await cell.innerText()).toBe('from deployment');
				await look('which-tier');

				// Override it there.
				await cell.click();
				const sheet = page.getByRole('dialog');
				expect(await sheet.innerText()).toContain('Pods get the value of the deployment.');
				expect(await sheet.innerText()).toContain('A value here overrides it, for this service alone.');
				await sheet.getByLabel('Value', { exact: true }).fill('postgres://web');
				await look('override');
				await sheet.getByRole('button', { name: 'Keep as unsaved change' }).click();
				await page.getByRole('button', { name: 'Review and save' }).click();
				await look('review');
				await page.getByRole('button', { name: 'Save 1 change' }).click();
				await expect.poll(() => cell.innerText()).toBe('set');
				await look('overridden');

				// Generate a database password.
				await page.getByRole('button', { name: 'Generate', exact: true }).click();
				await sheet.getByLabel('Name').fill('DB_PASSWORD');
				await look('generate');
				await sheet.getByRole('button', { name: 'Generate', exact: true }).click();
				await page.getByText('DB_PASSWORD generated. Nobody has seen the value.').waitFor();

				// Compare two deployments.
				await page
					.getByRole('navigation', { name: 'Views', exact: true })
					.getByRole('link', { name: 'Compare' })
					.click();
				await page.getByLabel('Deployment', { exact: true }).selectOption('shop');
				await page.getByLabel('Compare with').selectOption('shop-staging');
				await main.getByText('missing there').first().waitFor();
				await look('compare');

				// Restore yesterday's value.
				await page
					.getByRole('navigation', { name: 'Views', exact: true })
					.getByRole('link', { name: 'Deployments' })
					.click();
				await main.getByRole('link', { name: 'shop', exact: true }).click();
				await page.getByRole('link', { name: 'FEATURE_FLAGS', exact: true }).click();
				const restore = page.getByRole('link', { name: 'Restore version 2 …' });
				await restore.waitFor();
				expect(await restore.getAttribute('href')).toMatch(
					/^https:\/\/reveal\.example\/ui\/reveal\?deployment=shop&key=FEATURE_FLAGS&id=s2_[\w-]+&version=2&expected=3&restore=true$/,
				);
				await look('history');

				// Who changed it, and who may read it?
				const text = await main.innerText();
				expect(text).toMatch(/Version 3, [^\n]* by ada/);
				expect(text).toMatch(/Who can read the value[\s\S]*ada \(manager\)/);
				await page.getByRole('heading', { name: 'Who can read the value' }).scrollIntoViewIfNeeded();
				await look('readers');
				await main.getByRole('link', { name: 'See its audit' }).click();
				await main.getByText('FEATURE_FLAGS').first().waitFor();
				await look('audit');
			} finally {
				await browser.close();
			}
		},
	);
});
