import axe from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterEach, describe, expect, test } from 'vitest';
import { ensurePackages } from '../../support/debian.ts';
import { onPath } from '../../support/process.ts';

/** A request that the page sent. */
export interface SentRequest {
	readonly method: string;
	readonly url: string;
	readonly body: string;
}

/** A page of the dashboard in a real browser, and everything that it did. */
export interface OpenPage {
	readonly page: Page;
	readonly context: BrowserContext;
	/** Everything that the page sent, in order. */
	readonly requests: readonly SentRequest[];
	/** Violations of the content security policy, and errors of scripts: none is expected. */
	readonly problems: readonly string[];
}

const say = (line: string): void => void process.stderr.write(`[chromium] ${line}\n`);

/** The path of Chromium; installs Debian's where that is possible. */
async function chromiumPath(): Promise<string | undefined> {
	await ensurePackages(['chromium', 'fonts-dejavu-core'], say);
	return onPath('chromium') ?? onPath('chromium-browser') ?? onPath('google-chrome');
}

const path = await chromiumPath();

/** What went wrong in any page of this file since the last test. */
const unseen: string[] = [];

/**
 * Tests in the browser. Where there is none they are listed as skipped; on CI that is a failure. A violation
 * of the content security policy or an error of a script, in any page, fails the test that provoked it.
 */
export function describeInBrowser(title: string, tests: () => void): void {
	if (path !== undefined)
		return void describe(title, () => {
			afterEach(() => expect(unseen.splice(0)).toEqual([]));
			tests();
		});
	if (process.env['CI'] === 'true') throw new Error('Chromium is missing, and CI needs it');
	say(`SKIPPED, because Chromium is missing: ${title}`);
	describe.skip(title, () => test('needs Chromium', () => undefined));
}

/** Starts the browser. */
export async function startBrowser(): Promise<Browser> {
	if (path === undefined) throw new Error('there is no Chromium');
	const root = process.getuid?.() === 0;
	return await chromium.launch({ executablePath: path, args: root ? ['--no-sandbox'] : [] });
}

/** What a page looks like. */
export interface PageOptions {
	readonly width?: number;
	readonly height?: number;
	readonly dark?: boolean;
	readonly ignoreHTTPSErrors?: boolean;
}

/** Refusals and outages that tests provoke. The browser logs every one of them as an error. */
const PROVOKED =
	/^Failed to load resource: (?:net::ERR_INTERNET_DISCONNECTED|the server responded with a status of (?:400|401|403|404|409|429|500|502|503))/;

/** Opens a page in a context of its own: other cookies, other storage. */
export async function openPage(browser: Browser, options: PageOptions = {}): Promise<OpenPage> {
	const { width = 1280, height = 800, dark = false, ignoreHTTPSErrors = false } = options;
	const context = await browser.newContext({
		viewport: { width, height },
		colorScheme: dark ? 'dark' : 'light',
		reducedMotion: 'reduce',
		ignoreHTTPSErrors,
		locale: 'en-GB',
		timezoneId: 'UTC',
	});
	context.setDefaultTimeout(20_000);
	const requests: SentRequest[] = [];
	const problems: string[] = [];
	const tell = (problem: string): void => {
		problems.push(problem);
		unseen.push(problem);
	};
	context.on('request', (request) =>
		requests.push({ method: request.method(), url: request.url(), body: request.postData() ?? '' }),
	);
	context.on('console', (message) => {
		const text = message.text();
		if (message.type() === 'error' && !PROVOKED.test(text)) tell(text);
	});
	context.on('weberror', (error) => tell(String(error.error())));
	// Chromium does not log every violation; the event has all.
	await context.addInitScript(`
		addEventListener('securitypolicyviolation', (event) =>
			console.error('CSP: ' + event.violatedDirective + ' ' + event.blockedURI));
	`);
	return { page: await context.newPage(), context, requests, problems };
}

/** What axe finds on a page. It comes by the debugger, because the policy refuses script tags. */
export async function axeFindings(page: Page): Promise<readonly string[]> {
	// Once for a document: views come and go in it.
	if (!(await page.evaluate('"axe" in window'))) await page.evaluate(axe.source);
	const found: unknown = await page.evaluate(`axe.run(document, { resultTypes: ['violations'] })
		.then(({ violations }) => violations.map(({ id, nodes }) =>
			id + ': ' + nodes.slice(0, 3).map(({ html, failureSummary }) => html.slice(0, 160) + ' ' + failureSummary).join(' | ')))`);
	return found as readonly string[];
}

/** Everything where a value could stay: document, address, title, storages, cookies that scripts see. */
export async function tracesOf(page: Page): Promise<string> {
	return String(
		await page.evaluate(`JSON.stringify([
			document.documentElement.outerHTML, location.href, document.title, document.cookie,
			Object.entries(localStorage), Object.entries(sessionStorage), history.state,
			[...document.querySelectorAll('input, textarea')].map((field) => field.value),
		])`),
	);
}
