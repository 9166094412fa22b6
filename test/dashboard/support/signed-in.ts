import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { SCOPES } from '../../../api/auth/caller.ts';
import { SESSION_COOKIE } from '../../../api/session/oidc/sessions.ts';
import { type SeedCall, seed } from '../../../dev/dashboard/seed.ts';
import { caller } from '../../api/support/api.ts';
import { call } from '../../support/http.ts';
import { startOpenBao } from '../../support/openbao.ts';
import { freePort } from '../../support/ports.ts';
import { scratch } from '../../support/scratch.ts';
import { makeAuthority } from '../../support/tls.ts';
import { type OpenPage, openPage, type PageOptions } from './browser.ts';
import { LOGIN_SCOPES, type LoginIssuer, logInAtIssuer, startLoginIssuer } from './issuer.ts';
import { PEOPLE } from './people.ts';
import { startProgram, vaultOf } from './programs.ts';

/** A dashboard as in production: TLS, a real OpenBao with the shipped policy alone, a real issuer. */
export interface SignedIn extends AsyncDisposable {
	/** `https://127.0.0.1:port` */
	readonly url: string;
	readonly issuer: LoginIssuer;
	/** Everything that the API and OpenBao logged, audit lines included. */
	output(): string;
	/** Moves the clock of the API. */
	later(minutes: number): void;
	/**
	 * Opens a page of somebody who is signed in. Signs in for the first page of a person alone: all of their
	 * pages have the same session.
	 */
	open(browser: Browser, person: string, options?: PageOptions): Promise<OpenPage>;
	/** Ends the session of a person at the issuer, so that their next call is refused. */
	endSession(person: string): Promise<void>;
	/** Signs in on this page, with a session of its own that is at the issuer too. */
	signIn(page: Page, person: string): Promise<void>;
}

const EXAMPLE = join(import.meta.dirname, '../../../examples/vault.yaml');

/** What a dashboard is started with. */
export interface SignedInOptions {
	/** More variables of the API. */
	readonly env?: Readonly<Record<string, string>>;
	/** Claims by subject. Default: {@link PEOPLE}. */
	readonly people?: Readonly<Record<string, object>>;
	/** Starts the Reveal program beside the API, on the same OpenBao and with the same issuer. */
	readonly reveal?: boolean;
}

/** Starts all of it, with the examples' secrets and an audit store. */
export async function startSignedIn({
	env = {},
	people = PEOPLE,
	reveal = false,
}: SignedInOptions = {}): Promise<SignedIn> {
	await using opened = new AsyncDisposableStack();
	const place = opened.use(await scratch('dashboard'));
	const bao = opened.use(await startOpenBao());
	const [listen, revealListen] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
	const [url, revealUrl] = [`https://${listen}`, `https://${revealListen}`];
	const issuer = opened.use(
		await startLoginIssuer(() => url, verified(people), reveal ? revealUrl : undefined),
	);
	const leaf = await (await makeAuthority('Envtier dashboard CA')).issue();
	const file = async (name: string, text: string): Promise<string> => {
		await writeFile(join(place.dir, name), text, { mode: 0o600 });
		return join(place.dir, name);
	};
	const shared = {
		ENVTIER_API_TLS_CERT_FILE: await file('tls.crt', leaf.certPem),
		ENVTIER_API_TLS_KEY_FILE: await file('tls.key', leaf.keyPem),
		ENVTIER_API_OIDC_ISSUER: issuer.url,
		ENVTIER_API_OIDC_CA: issuer.caPem,
		ENVTIER_LOG_LEVEL: 'debug',
	};
	const lines: string[] = [];
	let ahead = 0;
	const ada = caller('user:ada');
	const start = async (more: Readonly<Record<string, string>>, keys: readonly (typeof ada.record)[]) => {
		const served = await startProgram(
			{ ...shared, ...more },
			{
				...{ keys, host: 'dashboard', version: 'test' },
				write: (line) => void lines.push(line),
				now: () => new Date(Date.now() + ahead),
			},
		);
		opened.use(served);
	};
	const { vault, revealEnv } = await vaultOf(bao, reveal ? revealUrl : undefined);
	await start(
		{
			...vault,
			ENVTIER_API_STORE: 'vault',
			ENVTIER_API_LISTEN: listen,
			ENVTIER_API_OIDC_AUDIENCE: issuer.audience,
			ENVTIER_API_OIDC_LOGIN_SCOPES: `openid offline_access ${LOGIN_SCOPES}`,
			ENVTIER_API_DASHBOARD: 'true',
			ENVTIER_API_DASHBOARD_ORIGIN: url,
			ENVTIER_API_DASHBOARD_CLIENT_ID: issuer.clientId,
			ENVTIER_API_DASHBOARD_KEYS_FILE: await file('keys.json', `{"current":"${newKey()}"}`),
			ENVTIER_API_AUDIT_STORE: `sqlite:${place.dir}/audit.db`,
			ENVTIER_API_CALLS_PER_MINUTE: '100000',
			ENVTIER_API_OVERWRITES_PER_HOUR: '1000',
			...env,
		},
		[ada.record],
	);
	if (revealEnv !== undefined)
		await start(
			{
				...revealEnv,
				ENVTIER_API_STORE: 'vault',
				ENVTIER_API_LISTEN: revealListen,
				ENVTIER_API_OIDC_CLIENT_ID: 'envtier-reveal',
				ENVTIER_API_OIDC_SCOPES: SCOPES.join(','),
			},
			[],
		);
	const send: SeedCall = async (as, method, path, body) => {
		// With a Reveal program, it manages who has access.
		const toReveal = reveal && path.endsWith('/members');
		if (reveal && path === '/api/deployments') {
			const { name, org } = body as Readonly<Record<string, string>>;
			await send(as, 'POST', '/api/access', { name, org });
		}
		const [base, person] =
			toReveal || path === '/api/access'
				? [revealUrl, await issuer.revealTokenOf(as)]
				: [url, await issuer.tokenOf(as)];
		// Members are the affair of people: an API key cannot add one.
		const token = as === 'ada' ? ada.key : person;
		const headers = { authorization: `Bearer ${token}`, 'envtier-org': 'acme' };
		const answer = await call({ url: `${base}${path}`, method, headers, body, anyCertificate: true });
		if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`);
		return answer.json;
	};
	await seed(send, EXAMPLE);
	const group = { member: 'group:shop-developers', role: 'developer' };
	await send('developer', 'POST', '/api/deployments/shop/members', group);
	const signIn = async (page: Page, person: string): Promise<void> => {
		await page.goto(`${url}/ui/`);
		await page.getByRole('link', { name: 'Sign in', exact: true }).click();
		await logInAtIssuer(page, issuer, person);
		await page.getByRole('heading', { name: 'Deployments', exact: true }).waitFor();
	};
	const sessions = new Map<string, Promise<string>>();
	const sessionOf = (browser: Browser, person: string): Promise<string> => {
		const session = sessions.get(person) ?? newSession(browser, url, (page) => signIn(page, person));
		sessions.set(person, session);
		return session;
	};
	const later = (minutes: number): void => {
		ahead += minutes * 60_000;
	};
	const owned = opened.move();
	return {
		...{ url, issuer, later, signIn },
		output: () => lines.join('') + bao.output(),
		endSession: async (person) => {
			sessions.delete(person);
			await issuer.endGrants(person);
			// The API asks the issuer when its claims are 15 minutes old.
			later(16);
		},
		open: async (browser, person, options) => {
			const value = await sessionOf(browser, person);
			const page = await openSecurePage(browser, options);
			const attributes = { httpOnly: true, secure: true, sameSite: 'Strict' } as const;
			await page.context.addCookies([{ name: SESSION_COOKIE, value, url: `${url}/`, ...attributes }]);
			await page.page.goto(`${url}/ui/`);
			await page.page.getByRole('heading', { name: 'Deployments', exact: true }).waitFor();
			return page;
		},
		[Symbol.asyncDispose]: () => owned.disposeAsync(),
	};
}

const newKey = (): string => randomBytes(32).toString('base64');

/** An issuer says of an address whether it is verified. */
function verified(people: Readonly<Record<string, object>>): Readonly<Record<string, object>> {
	return Object.fromEntries(
		Object.entries(people).map(([name, claims]) => [name, { email_verified: true, ...claims }]),
	);
}

/** Signs in, and gives the cookie of the session. Nothing of it may break a rule of the browser. */
async function newSession(
	browser: Browser,
	url: string,
	signIn: (page: Page) => Promise<void>,
): Promise<string> {
	const { page, context, problems } = await openSecurePage(browser);
	await signIn(page);
	if (problems.length > 0) throw new Error(problems.join('\n'));
	const value = await sessionCookie(context, url);
	await context.close();
	return value;
}

/** The cookie of the session in a browser; '' if there is none. */
async function sessionCookie(context: BrowserContext, url: string): Promise<string> {
	const cookies = await context.cookies(url);
	return cookies.find(({ name }) => name === SESSION_COOKIE)?.value ?? '';
}

/** Opens a page that accepts the certificates of the test, and asks nobody but this machine. */
export async function openSecurePage(browser: Browser, options: PageOptions = {}): Promise<OpenPage> {
	const opened = await openPage(browser, { ...options, ignoreHTTPSErrors: true });
	// The provider's own pages ask for fonts of another site.
	await opened.context.route(/^(?!https?:\/\/127\.0\.0\.1:)/, (route) => route.fulfill({ body: '' }));
	return opened;
}
