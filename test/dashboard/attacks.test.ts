/** Texts of attackers in every field that the dashboard shows, in a real browser. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openAuditStore } from '../../api/audit/store/open.ts';
import { OPERATIONS } from '../../api/routes/all.ts';
import { openApiOf } from '../../api/server/openapi.ts';
import { scratch } from '../support/scratch.ts';
import { describeInBrowser, type OpenPage, startBrowser, tracesOf } from './support/browser.ts';
import { PLACES, type Place, startTested } from './support/dashboard.ts';
import { PEOPLE } from './support/people.ts';
import { startSignedIn } from './support/signed-in.ts';

/** Markup that runs as HTML, and tells which field it comes from. */
const markup = (field: string): string =>
	`<img src=x onerror="window.hacked='${field}'"><script>window.hacked='${field}'</script>`;
/** The same without blanks, for fields that take none. */
const word = (field: string): string => `<img/src=x/onerror=window.hacked='${field}'>`;

/** Somebody whom the issuer lets choose their name and address. */
const HOSTILE = markup('subject');
const CLAIMS = {
	org: ['acme', markup('org')],
	roles: ['acme:org_owner', markup('role')],
	groups: [markup('group')],
	email: `${word('email')}@evil.example`,
};

/** A text that is written, and the view that shows it. */
interface Attack {
	/** The property of the API that holds it. */
	readonly property: string;
	readonly send?: readonly [method: string, path: string, body: object];
	readonly at: string;
	readonly text: string;
	/** In the place with an issuer only: the development identity has one subject, and no claims. */
	readonly withIssuer?: true;
}

const KEY_VIEW = '/ui/deployments/shop/keys/EVIL';
const MEMBERS = '/ui/deployments/shop/members';
const asMember = (member: string): Attack => ({
	property: 'member',
	send: ['POST', '/api/deployments/shop/members', { member, role: 'viewer' }],
	at: MEMBERS,
	text: member.replace(/^[a-z-]+:/, ''),
});
const inAudit = (property: string): Attack => ({
	property,
	at: '/ui/audit?days=7',
	text: markup(`audit-${property}`),
});

const ATTACKS: Readonly<Record<string, Attack>> = {
	'the description of a secret': {
		property: 'description',
		send: [
			'POST',
			'/api/secrets',
			{ key: 'EVIL', value: markup('value'), description: markup('description'), deploymentName: 'shop' },
		],
		at: KEY_VIEW,
		text: markup('description'),
	},
	'the description of a secret of the organization': {
		property: 'description',
		send: [
			'POST',
			'/api/org/secrets',
			{ key: 'EVIL_ORG', value: markup('value'), description: markup('description-org') },
		],
		at: '/ui/search?q=evil',
		text: markup('description-org'),
	},
	'the description in a template': {
		property: 'description',
		send: [
			'POST',
			'/api/templates',
			{
				name: 'evil',
				services: [
					{
						...{ name: 'web', image: word('image') },
						secrets: [{ key: 'A', description: markup('template') }],
					},
				],
			},
		],
		at: '/ui/templates/evil',
		text: markup('template'),
	},
	'a person as a member': asMember(`user:${markup('member')}`),
	'a group as a member': asMember(`group:${markup('member-group')}`),
	'a service account as a member': asMember(`kubernetes:${markup('kubernetes')}`),
	'a group of the cluster as a member': asMember(`kubernetes-group:${markup('kubernetes-group')}`),
	'an invited address': asMember(`email:${word('invited')}@evil.example`),
	'the name of an API key': {
		property: 'name',
		send: ['POST', '/api/keys', { name: `k${word('key-name')}`, scopes: ['audit'] }],
		at: '/ui/keys',
		text: `k${word('key-name')}`,
	},
	'the actor in the audit': inAudit('actor'),
	'the action in the audit': inAudit('action'),
	'the scope in the audit': inAudit('scope'),
	'the key in the audit': inAudit('key'),
	'the reason in the audit': inAudit('reason'),
	'the author of a version': { property: 'by', at: KEY_VIEW, text: HOSTILE, withIssuer: true },
	'the owner of a template': { property: 'owner', at: '/ui/templates', text: HOSTILE, withIssuer: true },
	'the person who asks': { property: 'subject', at: MEMBERS, text: HOSTILE, withIssuer: true },
	'the person in a command': {
		property: 'subject',
		at: '/ui/deployments/not-mine',
		text: `--add user:${HOSTILE}`,
		withIssuer: true,
	},
};

/** Views without one of these texts, and addresses that an attacker makes. */
const PATHS = [
	'/ui/',
	'/ui/deployments/shop',
	'/ui/search?q=%3Cimg%20src%3Dx%20onerror%3Dwindow.hacked%3D1%3E',
	'/ui/audit?deployment=shop',
	'/ui/audit?actor=%3Cimg%20src%3Dx%20onerror%3Dwindow.hacked%3D1%3E',
	'/ui/compare?deployment=shop&with=%3Cscript%3Ewindow.hacked%3D1%3C%2Fscript%3E',
	'/ui/deployments/%3Cimg%20src%3Dx%20onerror%3Dwindow.hacked%3D1%3E',
	'/ui/deployments/shop?q=%22%3E%3Cscript%3Ewindow.hacked%3D1%3C%2Fscript%3E',
	'/ui/?org=%3Cimg%20src%3Dx%20onerror%3Dwindow.hacked%3D1%3E',
	'/ui/bin',
	'/ui/expiring',
];

const secret = { key: 'A', value: 'v', deploymentName: 'shop' };
/** Fields that refuse markup: by property, a call with it. */
const NARROW: Readonly<Record<string, readonly [method: string, path: string, body?: object]>> = {
	key: ['POST', '/api/secrets', { ...secret, key: markup('key') }],
	tags: ['POST', '/api/secrets', { ...secret, tags: [word('tags')] }],
	deploymentName: ['POST', '/api/secrets', { ...secret, deploymentName: word('deployment') }],
	serviceName: ['POST', '/api/secrets', { ...secret, serviceName: word('service') }],
	name: ['POST', '/api/deployments', { name: word('name'), org: 'acme' }],
	org: ['POST', '/api/deployments', { name: 'a', org: word('org') }],
	template: ['POST', '/api/deployments', { name: 'a', org: 'acme', template: word('template') }],
	services: ['POST', '/api/templates', { name: 'a', services: [{ name: word('services') }] }],
	role: ['POST', '/api/deployments/shop/members', { member: 'user:a', role: word('role') }],
	deployment: ['POST', '/api/changes', { deployment: word('deployment'), changes: [] }],
	service: [
		'POST',
		'/api/changes',
		{
			deployment: 'shop',
			changes: [{ change: 'create', tier: 'service', service: word('service'), key: 'A', value: 'v' }],
		},
	],
	scopes: ['POST', '/api/keys', { name: 'a', scopes: [word('scope')] }],
	type: ['POST', '/api/secrets', { ...secret, type: word('type') }],
	tag: ['GET', `/api/secrets?tag=${encodeURIComponent(word('tag'))}`],
	since: ['GET', `/api/audit?since=${encodeURIComponent(word('since'))}`],
};

/** Other texts of the API, and why no markup in them reaches the dashboard. */
const ELSEWHERE: Readonly<Record<string, string>> = {
	value: 'no answer has it',
	error: 'a dialog, below',
	message: 'a conflict, below',
	id: 'made by the API',
	email: 'beside the button that signs out, below',
	orgs: 'names of the claims that are no names of organizations are left out',
	roles: 'roles of the claims that the API does not know are left out',
	groups: 'not shown',
	with: 'the name of a deployment that exists',
	...Object.fromEntries(
		['createdBy', 'updatedBy', 'deletedBy', 'to', 'image', 'warnings', 'loadedBy', 'replica', 'eventId'].map(
			(name) => [name, 'not shown'],
		),
	),
	...Object.fromEntries(
		['ip', 'requestId', 'elevation', 'secretType'].map((name) => [name, 'in the file of the audit only']),
	),
	...Object.fromEntries(
		['at', 'time', 'createdAt', 'updatedAt', 'deletedAt', 'expiresAt', 'nextAt', 'requestedAt'].map(
			(name) => [name, 'a time of the API or of Vault'],
		),
	),
	...Object.fromEntries(
		['q', 'expiring', 'page', 'next', 'until', 'limit', 'confirm', 'fields', 'generate', 'every'].map(
			(name) => [name, 'sent, and not shown'],
		),
	),
	approvedBy: 'the Reveal program only',
};

test('each text of the API is attacked, refuses markup, or is not shown', () => {
	const known = [
		...Object.values(ATTACKS).map(({ property }) => property),
		...Object.keys(NARROW),
		...Object.keys(ELSEWHERE),
	];
	expect(textsOf(openApiOf(OPERATIONS, 'test')['components']).toSorted()).toEqual(
		[...new Set(known)].toSorted(),
	);
});

describeInBrowser('markup in texts', () => {
	describe.each(PLACES)('on %s', (place) => {
		const ending = new AsyncDisposableStack();
		let browser: Browser;
		let url: string;
		let opened: OpenPage;
		beforeAll(async () => {
			browser = await startBrowser();
			ending.defer(() => browser.close());
			const files = ending.use(await scratch('attacks'));
			const file = `${files.dir}/audit.db`;
			await fillAudit(file);
			const tested = ending.use(await start(place, { ENVTIER_API_AUDIT_STORE: `sqlite:${file}` }));
			({ url } = tested);
			opened = await tested.open(browser);
		});
		afterAll(() => ending.disposeAsync());

		/** The page sends it itself, as an attacker with rights would. */
		const send = (method: string, path: string, body?: object): Promise<unknown> =>
			opened.page.evaluate(
				`fetch(${JSON.stringify(path)}, { method: ${JSON.stringify(method)},
					${body === undefined ? '' : `body: ${JSON.stringify(JSON.stringify(body))},`}
					headers: { 'content-type': 'application/json', 'envtier-client': 'dashboard', 'envtier-org': 'acme' } })
					.then(async (answer) => answer.ok ? 'written' : answer.status + ' ' + await answer.text())`,
			);

		test.each(Object.entries(NARROW))('%s refuses it', async (_property, call) => {
			const answer = await send(...call);
			expect(answer).toMatch(/^400 /);
			expect(answer).not.toContain('window.hacked=');
		});

		test('is shown as text in every view, and runs nowhere', async () => {
			const { page, problems } = opened;
			const attacks = Object.entries(ATTACKS).filter(
				([, { withIssuer }]) => withIssuer !== true || place !== 'memory',
			);
			for (const [what, { send: call }] of attacks.filter(([, attack]) => attack.send !== undefined))
				expect(await send(...(call as NonNullable<Attack['send']>)), what).toBe('written');
			const paths = new Set([...PATHS, ...attacks.map(([, { at }]) => at)]);
			for (const path of paths) {
				await page.goto(`${url}${path}`);
				await page.locator('main').waitFor();
				await page.waitForLoadState('networkidle');
				for (const [what, { text }] of attacks.filter(([, { at }]) => at === path))
					await expectShown(page, what, text);
				await expectHarmless(page, path);
			}
			expect(problems).toEqual([]);
		});

		test('is shown as text in an error of the API that repeats it', async () => {
			const { page, problems } = opened;
			await page.goto(`${url}/ui/templates`);
			await page.getByRole('button', { name: 'New template' }).click();
			await page.getByLabel('Name').fill('x');
			const services = [{ name: 'web', secrets: [{ key: 'A', [markup('field')]: 1 }] }];
			await page.getByLabel('Services and their secrets').fill(JSON.stringify({ services }));
			await page.getByRole('button', { name: 'Create' }).click();
			await expect.poll(() => page.getByRole('dialog').innerText()).toMatch(/[Uu]nknown field "<img src=x/);
			await expectHarmless(page, 'the error');
			expect(problems).toEqual([]);
		});

		test('is shown as text in a conflict, in a hover, and beside the button that signs out', async () => {
			const { page, problems } = opened;
			const person = place === 'memory' ? 'developer' : HOSTILE;
			await page.goto(`${url}/ui/deployments/shop`);
			const cell = page
				.locator('.grid-row', { has: page.getByRole('link', { name: 'EVIL', exact: true }) })
				.locator('.cell')
				.nth(1);
			await cell.hover();
			await expect.poll(() => page.getByRole('tooltip').innerText()).toContain(markup('description'));
			expect(await page.getByRole('tooltip').innerText()).toContain(`by ${person}`);
			await cell.click();
			await page.getByLabel('New value').fill('mine');
			await page.getByRole('button', { name: 'Keep as unsaved change' }).click();
			const found = await page.evaluate(
				`fetch('/api/secrets?deployment=shop&q=EVIL', { headers: { 'envtier-client': 'dashboard', 'envtier-org': 'acme' } })
					.then((answer) => answer.json())`,
			);
			const [{ id } = { id: '' }] = found as readonly { readonly id: string }[];
			expect(await send('PUT', '/api/secrets', { id, value: 'theirs' })).toBe('written');
			await page.getByRole('button', { name: 'Review and save' }).click();
			await page.getByRole('button', { name: 'Save 1 change' }).click();
			await expect
				.poll(() => page.getByRole('dialog').innerText())
				.toContain(`${person} has written version 2`);
			await expectHarmless(page, 'the conflict');
			const signedIn = await page.locator('.account').innerText();
			expect(signedIn).toContain(place === 'memory' ? 'developer@example.com' : CLAIMS.email);
			expect(problems).toEqual([]);
		});
	});
});

/** Starts a dashboard whose visitor is hostile where there is an issuer. */
async function start(place: Place, env: Readonly<Record<string, string>>) {
	if (place === 'memory') return await startTested(place, { env });
	const on = await startSignedIn({ env, people: { ...PEOPLE, [HOSTILE]: CLAIMS } });
	return {
		url: on.url,
		open: (browser: Browser) => on.open(browser, HOSTILE),
		[Symbol.asyncDispose]: () => on[Symbol.asyncDispose](),
	};
}

/** Expects that a view shows a text as it is. */
const expectShown = (page: Page, what: string, text: string): Promise<void> =>
	expect.poll(() => page.locator('main').innerText(), { message: what }).toContain(text);

/** Expects that nothing of it ran, or became a part of the page. */
async function expectHarmless(page: Page, where: string): Promise<void> {
	expect(await page.evaluate('window.hacked'), where).toBeUndefined();
	const made = 'main img, main script, dialog img, .account img, [onerror], a[href^="javascript:" i]';
	expect(await page.locator(made).count(), where).toBe(0);
	expect(await tracesOf(page), where).not.toContain("window.hacked='value'");
}

/** Writes a line of the audit that has markup in all of its texts, as a log that somebody loads may. */
async function fillAudit(file: string): Promise<void> {
	const store = await openAuditStore({ kind: 'sqlite', file });
	if (store === undefined) throw new Error('there is no audit store');
	const texts = [
		'actor',
		'action',
		'eventId',
		'scope',
		'key',
		'requestId',
		'ip',
		'replica',
		'reason',
		'email',
	];
	const hostile = Object.fromEntries(texts.map((name) => [name, markup(`audit-${name}`)]));
	const line = {
		...({ time: new Date().toISOString(), phase: 'result', via: 'session', sequence: 1 } as const),
		...({ result: 'done', status: 200, org: 'acme' } as const),
		...(hostile as Record<
			'actor' | 'action' | 'eventId' | 'scope' | 'key' | 'requestId' | 'ip' | 'replica',
			string
		>),
	};
	await store.insert([line]);
	await store.close();
}

/** The names of all properties that hold a text which no list of words bounds. */
function textsOf(node: unknown, name = ''): readonly string[] {
	if (typeof node !== 'object' || node === null) return [];
	if (Array.isArray(node)) return node.flatMap((one) => textsOf(one, name));
	const { type, enum: words, const: one } = node as Readonly<Record<string, unknown>>;
	const own = type === 'string' && words === undefined && one === undefined && name !== '' ? [name] : [];
	const inside = Object.entries(node).flatMap(([field, child]) =>
		field === 'properties'
			? Object.entries(child as object).flatMap(([property, schema]) => textsOf(schema, property))
			: textsOf(child, name),
	);
	return [...new Set([...own, ...inside])];
}
