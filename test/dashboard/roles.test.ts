/**
 * What people with different roles see and are refused, on a real OpenBao, signed in at a real issuer. The
 * development identity has one role, so none of this is possible on the memory store.
 */
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInBrowser, type OpenPage, startBrowser } from './support/browser.ts';
import { expectClean } from './support/dashboard.ts';
import { cellAt } from './support/grid.ts';
import type { Person } from './support/people.ts';
import { openSecurePage, type SignedIn, startSignedIn } from './support/signed-in.ts';

/** What somebody may do in the deployment shop. */
interface Rights {
	readonly note: string;
	readonly changes: boolean;
	/** Changes secrets of the organization, sees their versions, and destroys. */
	readonly ofOrg: boolean;
	readonly addsMembers: boolean;
	/** What the audit of the deployment shows. */
	readonly audit: RegExp;
}

const RIGHTS: Readonly<Record<string, readonly [Person, Rights]>> = {
	'a viewer': [
		'bob',
		{
			note: 'You are user:bob, and viewer here.',
			...{
				changes: false,
				ofOrg: false,
				addsMembers: false,
				audit: /Your role in this deployment is viewer, and this needs manager\./,
			},
		},
	],
	'a developer, by a group of the issuer': [
		'dan',
		{
			note: 'You are user:dan, and developer here.',
			...{
				changes: true,
				ofOrg: false,
				addsMembers: false,
				audit: /Your role in this deployment is developer, and this needs manager\./,
			},
		},
	],
	'a manager': [
		'ada',
		{
			note: 'You are user:ada, and manager here.',
			...{ changes: true, ofOrg: false, addsMembers: true, audit: /secrets\.create/ },
		},
	],
	'an admin of the organization': [
		'olga',
		{
			note: 'You are user:olga, and org admin here, because of your role in acme.',
			...{ changes: true, ofOrg: true, addsMembers: true, audit: /secrets\.create/ },
		},
	],
};

describeInBrowser('people with roles', () => {
	const ending = new AsyncDisposableStack();
	let browser: Browser;
	let on: SignedIn;
	beforeAll(async () => {
		[browser, on] = await Promise.all([startBrowser(), startSignedIn()]);
		ending.use(on);
		ending.defer(() => browser.close());
	});
	afterAll(() => ending.disposeAsync());

	const mainText = (page: Page): Promise<string> => page.locator('main').innerText();
	async function openAs(person: Person, path: string): Promise<OpenPage> {
		const opened = await on.open(browser, person);
		await opened.page.goto(`${on.url}/ui/${path}`);
		return opened;
	}
	/** The status of a call that the page sends itself, whatever it shows. */
	const statusOf = (page: Page, method: string, path: string, body?: object): Promise<unknown> =>
		page.evaluate(
			`fetch(${JSON.stringify(path)}, { method: ${JSON.stringify(method)},
				${body === undefined ? '' : `body: ${JSON.stringify(JSON.stringify(body))},`}
				headers: { 'content-type': 'application/json', 'envtier-client': 'dashboard' } }).then(({ status }) => status)`,
		);

	/** Expects that a part of the page is there for those who may use it, and for nobody else. */
	const expectFor = async (may: boolean, part: Locator, what: string): Promise<void> =>
		expect(await part.count(), what).toBe(may ? 1 : 0);
	const button = (page: Page | Locator, name: string): Locator =>
		page.getByRole('button', { name, exact: true });

	async function checkGrid({ page }: OpenPage, { changes, ofOrg }: Rights): Promise<void> {
		await page.getByRole('grid').waitFor();
		for (const name of ['Add a key', 'Paste .env', 'Generate'])
			await expectFor(changes, button(page, name), name);
		const dialog = page.getByRole('dialog');
		for (const [column, may] of [
			[1, ofOrg],
			[2, changes],
		] as const) {
			await cellAt(page, 'LOG_LEVEL', column).click();
			expect(await dialog.innerText()).toContain('LOG_LEVEL');
			await expectFor(may, dialog.getByLabel('New value'), `a value in column ${column}`);
			await expectFor(may, button(dialog, 'Delete'), `Delete in column ${column}`);
			await button(dialog, 'Close').click();
		}
	}

	async function checkHistory({ page }: OpenPage, { changes, ofOrg }: Rights): Promise<void> {
		await page.goto(`${on.url}/ui/deployments/shop/keys/OLD_API_TOKEN`);
		await page.getByRole('heading', { name: 'In the service web' }).waitFor();
		await expectFor(changes, button(page, 'Undelete'), 'Undelete');
		await expectFor(ofOrg, button(page, 'Destroy …'), 'Destroy');
		await page.goto(`${on.url}/ui/deployments/shop/keys/LOG_LEVEL`);
		const heading = page.getByRole('heading', { name: 'In the organization' });
		const hidden = /Only admins of the organization see its versions\./;
		await expect
			.poll(() => page.locator('section', { has: heading }).innerText())
			.toMatch(ofOrg ? /current/ : hidden);
	}

	async function checkMembers({ page }: OpenPage, { note, addsMembers }: Rights): Promise<void> {
		await page.goto(`${on.url}/ui/deployments/shop/members`);
		await expect.poll(() => mainText(page)).toContain(note);
		await expect.poll(() => mainText(page)).toContain('everybody in the group shop-developers');
		await expectFor(addsMembers, page.getByLabel('Add a member'), 'adding');
		await expectFor(addsMembers, button(page, 'Remove bob'), 'removing');
	}

	async function checkApi({ page }: OpenPage, person: Person, rights: Rights): Promise<void> {
		const key = `BY_${person.toUpperCase()}`;
		const change = { change: 'create', tier: 'deployment', key, value: 'v' };
		const member = { member: `user:by-${person}`, role: 'viewer' };
		expect({
			change: await statusOf(page, 'POST', '/api/changes', { deployment: 'shop', changes: [change] }),
			member: await statusOf(page, 'POST', '/api/deployments/shop/members', member),
			org: await statusOf(page, 'POST', '/api/org/secrets', { key: `ORG_${key}`, value: 'v' }),
		}).toEqual({
			change: rights.changes ? 200 : 403,
			member: rights.addsMembers ? 201 : 403,
			org: rights.ofOrg ? 201 : 403,
		});
	}

	test.each(Object.entries(RIGHTS))(
		'%s sees what they may do, and the API refuses the rest',
		async (_who, [person, rights]) => {
			const opened = await openAs(person, 'deployments/shop');
			const { page, context } = opened;
			await checkGrid(opened, rights);
			await checkHistory(opened, rights);
			await checkMembers(opened, rights);
			await expectClean(opened);
			await page.goto(`${on.url}/ui/audit?deployment=shop`);
			await expect.poll(() => mainText(page)).toMatch(rights.audit);
			await expectClean(opened);
			await checkApi(opened, person, rights);
			await context.close();
		},
	);

	test('somebody who is no member is told why, and sees it once a manager adds them', async () => {
		const opened = await openAs('eve', '');
		const { page, context } = opened;
		await expect.poll(() => mainText(page)).toContain('No deployments yet');
		expect(await mainText(page)).toContain('Do you expect one here?');
		for (const path of ['', '/members', '/keys/DATABASE_URL']) {
			await page.goto(`${on.url}/ui/deployments/shop${path}`);
			await page.getByRole('heading', { name: 'Why can’t I see it?' }).waitFor();
			const text = await mainText(page);
			expect(text).toContain('You are user:eve in the organization acme.');
			expect(text).toContain('envtier deployments members shop --add user:eve --role viewer');
			// Nothing tells whether there is such a deployment.
			await page.goto(`${on.url}/ui/deployments/there-is-none${path}`);
			await page.getByRole('heading', { name: 'Why can’t I see it?' }).waitFor();
			expect((await mainText(page)).replaceAll('there-is-none', 'shop')).toBe(text);
			await expectClean(opened);
		}
		await page.goto(`${on.url}/ui/search?q=DATABASE`);
		await expect.poll(() => mainText(page)).toContain('Nothing found');

		const manager = await openAs('ada', 'deployments/shop/members');
		await manager.page.getByLabel('Add a member').fill('eve');
		await manager.page.getByLabel('Role', { exact: true }).selectOption('viewer');
		await manager.page.getByRole('button', { name: 'Add', exact: true }).click();
		await manager.page.getByRole('row', { name: /^eve / }).waitFor();
		await manager.context.close();

		await page.goto(`${on.url}/ui/`);
		await page.getByRole('link', { name: 'shop', exact: true }).click();
		await page.getByRole('grid').waitFor();
		expect(await page.getByRole('button', { name: 'Add a key' }).count()).toBe(0);
		await context.close();
	});

	test('after 15 minutes the claims are taken again: a role that was taken away is gone', async () => {
		const opened = await openSecurePage(browser);
		const { page, context } = opened;
		on.issuer.setClaims('rita', { org: 'acme', roles: ['org_admin'] });
		await on.signIn(page, 'rita');
		await page.getByRole('link', { name: 'shop', exact: true }).waitFor();
		const refreshes = (): number =>
			on.issuer.requests().filter((request) => request === 'token refresh_token').length;
		const before = refreshes();
		on.issuer.setClaims('rita', { org: 'acme', roles: [] });
		on.later(14);
		await page.reload();
		await page.getByRole('link', { name: 'shop', exact: true }).waitFor();
		expect(refreshes()).toBe(before);
		on.later(2);
		await page.reload();
		await expect.poll(() => mainText(page)).toContain('No deployments yet');
		// The calls of the page at the same time have made one refresh.
		expect(refreshes()).toBe(before + 1);
		await page.goto(`${on.url}/ui/deployments/shop`);
		await page.getByRole('heading', { name: 'Why can’t I see it?' }).waitFor();
		expect(await statusOf(page, 'GET', '/api/org/secrets')).toBe(403);
		expect(refreshes()).toBe(before + 1);
		await expectClean(opened);
		await context.close();
	});

	test('when another person signs in in another window, what the first one typed is gone', async () => {
		const opened = await openAs('ada', 'deployments/shop');
		const { page, context } = opened;
		await button(page, 'Add a key').click();
		await page.getByLabel('Key', { exact: true }).fill('OF_ADA');
		await page.getByLabel('Value', { exact: true }).fill('canary-typed-by-ada');
		await button(page, 'Keep as unsaved change').click();
		const unsaved = page.getByRole('region', { name: 'Unsaved changes' });
		await unsaved.waitFor();

		const second = await context.newPage();
		await second.goto(`${on.url}/ui/deployments/shop`);
		await second.getByRole('grid').waitFor();
		// The same person: nothing is lost.
		await unsaved.waitFor();
		await context.clearCookies();
		await on.signIn(second, 'bob');
		await page.getByRole('alert').getByText('bob is signed in now. What ada typed here is gone.').waitFor();
		await unsaved.waitFor({ state: 'detached' });
		await page.getByText('Signed in as bob').waitFor();
		await page.getByRole('grid').waitFor();
		expect(await page.content()).not.toContain('canary-typed-by-ada');
		// A viewer is offered nothing to change.
		await expectFor(false, button(page, 'Add a key'), 'Add a key');
		await expectClean(opened);
		await button(page, 'Continue').click();
		expect(await page.getByRole('alert').count()).toBe(0);
		await context.close();
	});
});
