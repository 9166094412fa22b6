/**
 * What a new user does, by the texts that they see alone: no address is typed, and no element is found by its
 * class. Keeps a picture of each step
 * on the memory store: the pages are the same in both places.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeInBrowser, type OpenPage, startBrowser } from './support/browser.ts';
import { expectClean, PLACES, startTested, type Tested } from './support/dashboard.ts';

const ARTIFACTS = join(import.meta.dirname, '../../.cache/dashboard');

/** Restores an old version on the page of the Reveal program, and comes back. */
async function restore({ page, context }: OpenPage, tested: Tested, version: number): Promise<void> {
	const opening = context.waitForEvent('page');
	await page.getByRole('link', { name: `Restore version ${version} …` }).click();
	const second = await opening;
	await second.getByRole('heading', { name: `Restore version ${version} of FEATURE_FLAGS` }).waitFor();
	await second.getByRole('button', { name: 'Sign in' }).click();
	await tested.signInAgain(second);
	await second.getByRole('button', { name: `Restore version ${version}` }).click();
	await second.getByText(`Version ${version} is restored: its value is now version 4.`).waitFor();
	await second.close();
	// A headless browser takes all pages for focused, so none of them is told.
	await page.evaluate('dispatchEvent(new Event("focus"))');
	await page.getByText('Version 4').first().waitFor();
}

/** Looks at the value on the page of the Reveal program, for a reason. */
async function lookAtValue({ page, context }: OpenPage, value: string): Promise<void> {
	const opening = context.waitForEvent('page');
	await page.getByRole('link', { name: 'Show the value …' }).click();
	const second = await opening;
	// The issuer still knows who it is, and that they agreed.
	await second.getByRole('button', { name: 'Sign in' }).click();
	await second.getByLabel('Reason').fill('incident 42');
	await second.getByRole('button', { name: 'Show the value' }).click();
	// Who has a role in the organization needs an elevation, although they are a manager here too.
	await second.getByRole('button', { name: 'Start an elevation' }).click();
	await second.getByText('Your elevation ends in').waitFor();
	await second.getByRole('button', { name: 'Show the value' }).click();
	await expect
		.poll(() => second.getByRole('region', { name: 'Value', exact: true }).textContent())
		.toBe(value);
	await second.close();
}

describeInBrowser('a new user', () => {
	test.each(PLACES)(
		'on %s finds, overrides, generates, compares, restores, and sees who did it',
		{
			timeout: 120_000,
		},
		async (place) => {
			await mkdir(ARTIFACTS, { recursive: true });
			await using tested = await startTested(place, { reveal: true });
			const browser = await startBrowser();
			try {
				const opened = await tested.open(browser);
				const { page } = opened;
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
				if (place === 'memory')
					// There is no Reveal program beside it, and the page says so.
					await expect
						.poll(() => main.innerText())
						.toContain('To restore an old version the Reveal program must be installed');
				else {
					await restore(opened, tested, 2);
					await lookAtValue(opened, 'not-a-secret-6');
				}
				await look('history');

				// Who changed it, and who may read it?
				const text = await main.innerText();
				expect(text).toMatch(/^3\t[^\t]+\tada\t/m);
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
