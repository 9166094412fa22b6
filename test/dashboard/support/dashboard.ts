import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { expect } from 'vitest';
import { type DevOptions, startDashboard } from '../../../dev/dashboard/start.ts';
import { bundleOf } from '../../support/bundles.ts';
import { scratch } from '../../support/scratch.ts';
import { axeFindings, type OpenPage, openPage, type PageOptions, tracesOf } from './browser.ts';
import { logInAtIssuer } from './issuer.ts';
import { openSecurePage, type SignedInOptions, startSignedIn } from './signed-in.ts';

/** A dashboard to test, with the shipped files. Whoever opens it may do everything in two organizations. */
export interface Tested extends AsyncDisposable {
	readonly url: string;
	/** Everything that the API logged, audit lines included. */
	output(): string;
	/** Opens a page of somebody who is signed in. */
	open(browser: Browser, options?: PageOptions): Promise<OpenPage>;
	/** Opens a page with a session of its own, which may be ended there. */
	openAlone(browser: Browser): Promise<OpenPage>;
	/** Ends the session of a page, at the server or in the browser, so that its next call is refused. */
	endSession(opened: OpenPage): Promise<void>;
	/** Signs in in the window that the page has opened for it. */
	signInAgain(popup: Page): Promise<void>;
	/** Does what comes after a click on "Sign out", until the dashboard is there again. */
	finishSignOut(page: Page): Promise<void>;
}

/**
 * Where the tests run: on the memory store with the development identity, as `make dashboard` does; and as in
 * production, on a real OpenBao with a real issuer, TLS and sessions.
 */
export const PLACES = ['memory', 'OpenBao with an issuer'] as const;
export type Place = (typeof PLACES)[number];

/**
 * Starts a dashboard with the examples' secrets and an audit store.
 *
 * @param reveal starts the Reveal program too. It needs a Vault, so it is not there on memory
 */
export function startTested(
	place: Place,
	{ env = {}, reveal = false }: Pick<DevOptions, 'env'> & Pick<SignedInOptions, 'reveal'> = {},
): Promise<Tested> {
	return place === 'memory' ? startOnMemory({ env }) : startOnOpenBao({ env, reveal });
}

/** Starts a dashboard on the memory store, with the development identity. */
export async function startOnMemory(options: Partial<DevOptions> = {}): Promise<Tested> {
	await using opened = new AsyncDisposableStack();
	const place = opened.use(await scratch('dashboard'));
	const lines: string[] = [];
	const dashboard = await startDashboard({
		listen: '127.0.0.1:0',
		dashboardBeside: pathToFileURL(await bundleOf('api')).href,
		onLog: (line) => void lines.push(line),
		...options,
		env: {
			ENVTIER_API_AUDIT_STORE: `sqlite:${place.dir}/audit.db`,
			ENVTIER_API_OVERWRITES_PER_HOUR: '1000',
			ENVTIER_LOG_LEVEL: 'debug',
			...options.env,
		},
	});
	opened.defer(() => dashboard.stop());
	const { url } = dashboard;
	const open = async (browser: Browser, pageOptions?: PageOptions): Promise<OpenPage> => {
		const page = await openPage(browser, pageOptions);
		await page.page.goto(`${url}/ui/`);
		await page.page.getByRole('link', { name: /^Sign in/ }).click();
		await page.page.getByRole('heading', { name: 'Deployments', exact: true }).waitFor();
		return page;
	};
	const owned = opened.move();
	return {
		...{ url, open, openAlone: open },
		output: () => lines.join(''),
		// The session of the development identity ends with its cookie only.
		endSession: ({ context }) => context.clearCookies(),
		// A click has signed in.
		signInAgain: () => Promise.resolve(),
		// There is no issuer to lead to.
		finishSignOut: () => Promise.resolve(),
		[Symbol.asyncDispose]: () => owned.disposeAsync(),
	};
}

async function startOnOpenBao(options: SignedInOptions): Promise<Tested> {
	const on = await startSignedIn(options);
	const { issuer } = on;
	return {
		url: on.url,
		output: () => on.output(),
		open: (browser, options) => on.open(browser, 'developer', options),
		openAlone: async (browser) => {
			const opened = await openSecurePage(browser);
			await on.signIn(opened.page, 'developer');
			return opened;
		},
		endSession: () => on.endSession('developer'),
		signInAgain: (popup) => logInAtIssuer(popup, issuer, 'developer'),
		finishSignOut: async (page) => {
			await page.waitForURL(`${issuer.url}/session/end**`);
			await page.getByRole('button', { name: /^Yes/ }).click();
		},
		[Symbol.asyncDispose]: () => on[Symbol.asyncDispose](),
	};
}

/** Expects that axe finds nothing, and that the page broke no rule. */
export async function expectClean({ page, problems }: OpenPage): Promise<void> {
	expect(await axeFindings(page), page.url()).toEqual([]);
	expect(problems).toEqual([]);
}

/**
 * Expects that no value which a test has typed is in the page, in its storages, in an address, or in a log.
 * Tests begin their values with "canary". A value is in the body of the request that writes it, and nowhere
 * else.
 */
export async function expectNoCanary({ page, requests }: OpenPage, tested: Tested): Promise<void> {
	expect(await tracesOf(page)).not.toContain('canary');
	const holding = requests.filter(({ url, body }) => `${url} ${body}`.includes('canary'));
	for (const { method, url } of holding)
		expect(`${method} ${new URL(url).pathname}${new URL(url).search}`).toBe('POST /api/changes');
	expect(tested.output()).not.toContain('canary');
}
