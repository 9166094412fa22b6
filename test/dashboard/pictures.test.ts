/**
 * Looks at every view, light, dark and narrow: axe, the content security policy, and no scroll bar for the
 * whole page at 360 pixels. Keeps a picture of each. `UPDATE=1` renews those of the documentation.
 */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeInBrowser, type PageOptions, startBrowser, tracesOf } from './support/browser.ts';
import { expectClean, PLACES, startTested, type Tested } from './support/dashboard.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Where pictures go, so that CI can keep them. Git ignores it. */
const ARTIFACTS = join(ROOT, '.cache/dashboard');

/** A view, and something that it shows when it is there. */
const VIEWS: Readonly<Record<string, readonly [path: string, shown: string]>> = {
	deployments: ['', '13'],
	grid: ['deployments/shop', 'missing'],
	members: ['deployments/shop/members', 'What each role may do'],
	pods: ['deployments/shop/pods', 'envtier.dev/deployment'],
	history: ['deployments/shop/keys/FEATURE_FLAGS', 'current'],
	compare: ['compare?deployment=shop&with=shop-staging', 'missing there'],
	search: ['search?q=url', 'DATABASE_URL'],
	expiring: ['expiring', 'ORDERS_CA_CERT'],
	bin: ['bin', 'OLD_API_TOKEN'],
	templates: ['templates', 'web-shop'],
	template: ['templates/web-shop', 'PAYMENT_TOKEN'],
	keys: ['keys', 'You have no API keys'],
	audit: ['audit', 'secrets.create'],
	foreign: ['deployments/not-mine', 'Why can’t I see it?'],
	unknown: ['no-such-view', 'There is no such page'],
};

const LOOKS: Readonly<Record<string, PageOptions>> = {
	light: {},
	dark: { dark: true },
	narrow: { width: 360, height: 740 },
};

/** Values of the examples. */
const SEEDED = /not-a-(?:real-)?(?:secret|token|password|key)-[0-9]/;

/** Pictures in the documentation. */
const IN_DOCS = ['grid-light', 'grid-dark', 'grid-narrow', 'history-light', 'compare-light', 'compare-dark'];

test('each picture of the dashboard in the documentation is one of these, and is shown there', async () => {
	const names = (await readdir(join(ROOT, 'docs/images'))).filter((name) => name.startsWith('dashboard-'));
	expect(names).toEqual(IN_DOCS.map((picture) => `dashboard-${picture}.png`).toSorted());
	const pages = await Promise.all(
		['README.md', 'docs/dashboard.md'].map((page) => readFile(join(ROOT, page), 'utf8')),
	);
	for (const name of names) expect(pages.join(), name).toContain(`images/${name}`);
});

describeInBrowser('every view', () => {
	describe.each(PLACES)('on %s', (place) => {
		let browser: Browser;
		let tested: Tested;
		beforeAll(async () => {
			await mkdir(ARTIFACTS, { recursive: true });
			[browser, tested] = await Promise.all([startBrowser(), startTested(place)]);
		});
		afterAll(async () => {
			await browser?.close();
			await tested?.[Symbol.asyncDispose]();
		});

		describe.each(Object.entries(LOOKS))('%s', (look, options) => {
			test('is accessible, breaks no rule and fits', { timeout: 300_000 }, async () => {
				const opened = await tested.open(browser, options);
				const { page, context, requests } = opened;
				for (const [name, [path, shown]] of Object.entries(VIEWS)) {
					await page.goto(`${tested.url}/ui/${path}`);
					await page.locator('main', { hasText: shown }).waitFor();
					await page.mouse.move(0, 0);
					if (place === 'memory') await takePicture(page, `${name}-${look}`);
					await expectClean(opened);
					expect(await tracesOf(page), name).not.toMatch(SEEDED);
					const overflow = 'document.documentElement.scrollWidth - innerWidth';
					expect(await page.evaluate(overflow), `${name}: wider than the window`).toBeLessThanOrEqual(0);
				}
				expect(requests.map(({ url, body }) => `${url} ${body}`).join('\n')).not.toMatch(SEEDED);
				expect(tested.output()).not.toMatch(SEEDED);
				await context.close();
			});
		});
	});
});

/** Keeps a picture of a view; with `UPDATE=1` in the documentation too. */
async function takePicture(page: Page, picture: string): Promise<void> {
	await page.screenshot({ path: join(ARTIFACTS, `${picture}.png`) });
	if (process.env['UPDATE'] && IN_DOCS.includes(picture))
		await page.screenshot({ path: join(ROOT, `docs/images/dashboard-${picture}.png`) });
}
