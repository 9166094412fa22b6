/** Lists and an audit that are longer than what one load takes, in a real browser. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAuditStore } from '../../api/audit/store/open.ts';
import { scratch } from '../support/scratch.ts';
import { describeInBrowser, startBrowser } from './support/browser.ts';
import { startTested, type Tested } from './support/dashboard.ts';

/** Secrets: more than one load takes (2,000), by less than one page of the API (500). */
const SECRETS = 2_300;
/** Audit lines: more than one file takes (50,000). */
const LINES = 50_002;

/** Thousands of rows in a browser, on a machine that other tests share. */
const TIMEOUT = 240_000;

describeInBrowser('what is longer than one load', () => {
	const ending = new AsyncDisposableStack();
	let browser: Browser;
	let tested: Tested;
	beforeAll(async () => {
		browser = await startBrowser();
		ending.defer(() => browser.close());
		const place = ending.use(await scratch('long-lists'));
		const file = `${place.dir}/audit.db`;
		await fillAudit(file);
		tested = ending.use(await startTested('memory', { env: { ENVTIER_API_AUDIT_STORE: `sqlite:${file}` } }));
	});
	afterAll(() => ending.disposeAsync());

	/** Changes many secrets at once, as the page does. */
	async function changeAll(page: Page, changes: readonly object[]): Promise<void> {
		for (let at = 0; at < changes.length; at += 500) {
			const body = JSON.stringify({ deployment: 'shop', changes: changes.slice(at, at + 500) });
			const status = await page.evaluate(
				`fetch('/api/changes', {
					method: 'POST',
					headers: { 'envtier-client': 'dashboard', 'envtier-org': 'acme', 'content-type': 'application/json' },
					body: ${JSON.stringify(body)},
				}).then(({ status }) => status)`,
			);
			expect(status).toBe(200);
		}
	}
	// Not by their roles: Playwright computes those of thousands of rows.
	const more = (page: Page) => page.locator('main .toolbar .button', { hasText: 'Load more' });
	const rows = (page: Page) => page.locator('tbody tr').count();
	const count = (page: Page) => page.locator('main .count').first().innerText();

	test('search and recycle bin load all, part by part, and say how many there are', {
		timeout: TIMEOUT,
	}, async () => {
		const opened = await tested.open(browser);
		const { page, context, requests } = opened;
		const keys = Array.from({ length: SECRETS }, (_, index) => `BULK_${String(index).padStart(5, '0')}`);
		await changeAll(
			page,
			keys.map((key) => ({ change: 'create', tier: 'deployment', key, value: 'typed' })),
		);
		await page.goto(`${tested.url}/ui/search?q=BULK_`);
		await expect.poll(() => count(page)).toBe('2,000 secrets so far');
		expect(await rows(page)).toBe(2_000);
		await more(page).focus();
		await page.keyboard.press('Enter');
		await expect.poll(() => count(page)).toBe('2,300 secrets');
		// The keyboard goes on at the end of the list.
		expect(await page.evaluate('document.activeElement.textContent')).toBe('These are all.');
		expect(await more(page).count()).toBe(0);
		expect(await page.locator('tbody a', { hasText: 'BULK_02299' }).count()).toBe(1);
		expect(new Set(await page.locator('tbody th').allInnerTexts()).size).toBe(SECRETS);
		// Five pages of the deployment's secrets and one of the organization's.
		expect(requests.filter(({ url }) => url.includes('/secrets?')).length).toBe(6);
		expect(opened.problems).toEqual([]);

		const secrets: unknown = await page.evaluate(
			`fetch('/api/secrets?deployment=shop&q=BULK_', { headers: { 'envtier-client': 'dashboard' } }).then((one) => one.json())`,
		);
		const found = secrets as readonly { readonly id: string }[];
		await changeAll(
			page,
			found.map(({ id }) => ({ change: 'delete', id, version: 1 })),
		);
		await page.goto(`${tested.url}/ui/bin`);
		await expect.poll(() => count(page)).toBe('2,000 deleted secrets so far');
		await more(page).click();
		// One of the examples is deleted too.
		await expect.poll(() => count(page)).toBe('2,301 deleted secrets');
		// What was loaded stays loaded.
		await page.locator('tr', { hasText: 'BULK_02299' }).locator('button').click();
		await expect.poll(() => count(page)).toBe('2,300 deleted secrets');
		expect(await page.locator('tbody th', { hasText: 'BULK_02298' }).count()).toBeGreaterThan(0);
		await context.close();
	});

	test('who changed a key is found, however long ago and whatever came after it', {
		timeout: TIMEOUT,
	}, async () => {
		const opened = await tested.open(browser);
		const { page, context } = opened;
		await page.goto(`${tested.url}/ui/audit?key=KEY_1&days=365`);
		await expect.poll(() => count(page)).toBe('1 entry');
		expect(await page.locator('tbody tr').innerText()).toMatch(/ada[\s\S]*secrets\.restore[\s\S]*KEY_1\b/);
		expect(opened.problems).toEqual([]);
		await context.close();
	});

	test('the audit begins with the newest; the CSV has all entries, and says where it ends at its bound', {
		timeout: TIMEOUT,
	}, async () => {
		const opened = await tested.open(browser);
		const { page, context } = opened;
		const csv = async (): Promise<readonly string[]> => {
			const download = page.waitForEvent('download', { timeout: 60_000 });
			await page.getByRole('button', { name: 'Download as CSV' }).click();
			const stream = await (await download).createReadStream();
			return (await stream.toArray()).join('').trimEnd().split('\r\n');
		};
		// Half of the entries are of Grace.
		await page.goto(`${tested.url}/ui/audit?actor=user%3Agrace&days=7`);
		await page.getByText('500 entries so far').waitFor();
		const newest = page.locator('tbody tr').first();
		expect(await newest.innerText()).toContain(`KEY_${LINES - 2}`);
		await more(page).click();
		await page.getByText('1,000 entries so far').waitFor();
		expect(await rows(page)).toBe(1_000);
		const all = await csv();
		expect(all).toHaveLength(1 + LINES / 2);
		expect(new Set(all.slice(1)).size).toBe(LINES / 2);
		expect(await page.getByText('The file has the newest').count()).toBe(0);

		await page.goto(`${tested.url}/ui/audit?action=secrets.restore&days=7`);
		const some = await csv();
		expect(some).toHaveLength(1 + 50_000);
		await page.getByText('The file has the newest 50,000 entries of this time.').waitFor();
		expect(opened.problems).toEqual([]);

		// Another filter ends a download, and nothing is saved.
		let saved = 0;
		page.on('download', () => {
			saved += 1;
		});
		await page.getByRole('button', { name: 'Download as CSV' }).click();
		await page.getByRole('button', { name: 'Stop the download' }).click();
		await page.getByRole('button', { name: 'Download as CSV' }).waitFor();
		expect(saved).toBe(0);
		await context.close();
	});
});

/** Writes result lines of the last hour: every other one of Grace. */
async function fillAudit(file: string): Promise<void> {
	const store = await openAuditStore({ kind: 'sqlite', file });
	if (store === undefined) throw new Error('there is no audit store');
	const start = Date.now() - 3_600_000;
	const lines = Array.from({ length: LINES }, (_, index) => ({
		...({
			time: new Date(start + index).toISOString(),
			phase: 'result',
			via: 'session',
			ip: '127.0.0.1',
		} as const),
		...{
			actor: index % 2 === 0 ? 'user:grace' : 'user:ada',
			action: 'secrets.restore',
			eventId: `e${index}`,
		},
		...{ scope: 'deployments/shop', key: `KEY_${index}`, requestId: `r${index}`, replica: 'one' },
		...({ sequence: index, result: 'done', status: 200, org: 'acme' } as const),
	}));
	for (let at = 0; at < LINES; at += 500) await store.insert(lines.slice(at, at + 500));
	await store.close();
}
