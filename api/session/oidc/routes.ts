import type { Express, Request, Response } from 'express';
import type { Logger } from 'pino';
import { z } from 'zod';
import { issuerProblem } from '../../../lib/http/issuer.ts';
import { createQueue } from '../../concurrency.ts';
import type { BrowserSessions } from '../browser-sessions.ts';
import { cookieOf, returnPath } from '../cookies.ts';
import { checkSameOrigin } from '../same-origin.ts';
import { type IssuerAccess, newLogin } from './client.ts';
import { escapeHtml, messagePage } from './pages.ts';
import { type SealingKeys, seal, unseal } from './sealed.ts';
import { attributes, responseOf, SESSION_COOKIE, type SessionKeeper } from './sessions.ts';

const LOGIN_COOKIE = '__Host-envtier-login';
/** Time for a login, in seconds. */
const LOGIN_SECONDS = 600;
/** Lax: a Strict cookie does not come back from the issuer. */
const LOGIN_ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Lax';
const CALLBACK = '/ui/session/callback';
const TIMEOUT = 10_000;
/** Logins that talk to the issuer at once. Anybody can start one. */
const AT_ONCE = 8;
const WAITING = { most: 100, longest: 10_000 };

const PENDING = z.object({
	verifier: z.string(),
	state: z.string(),
	nonce: z.string(),
	returnTo: z.string(),
});

/** What the routes need. */
export interface RouteParts {
	/** The dashboard's own origin: https://… */
	readonly origin: string;
	readonly keys: SealingKeys;
	readonly issuer: IssuerAccess;
	readonly sessions: SessionKeeper;
	readonly log: Logger;
}

/** Sessions by the authorization code flow with PKCE, which this server does itself. */
export function oidcSessions(parts: RouteParts): BrowserSessions {
	const queue = createQueue(AT_ONCE, WAITING);
	const limited =
		(work: (request: Request, response: Response) => Promise<void>) =>
		(request: Request, response: Response): void => {
			const done = queue(async () => {
				await work(request, response).catch((thrown: unknown) => fail(parts, response, thrown));
				return true;
			});
			void done.then((ran) => {
				if (ran === undefined && !response.headersSent)
					messagePage(response, 503, 'Too many people are signing in. Try again in a moment.');
			});
		};
	return {
		signIn: { kind: 'oidc' },
		addRoutes: (app: Express) => {
			app.get(
				'/ui/session/login',
				limited((request, response) => login(parts, request, response)),
			);
			app.get(
				CALLBACK,
				limited((request, response) => callback(parts, request, response)),
			);
			app.post(
				'/ui/session/logout',
				limited((request, response) => logout(parts, request, response)),
			);
		},
		credentialOf: (request) => cookieOf(request, SESSION_COOKIE),
		authenticate: async (request, org) => {
			const own = checkSameOrigin(request, parts.origin);
			if (!own.ok) return own;
			return await parts.sessions.callerOf(responseOf(request), cookieOf(request, SESSION_COOKIE) ?? '', org);
		},
		stop: parts.sessions.stop,
	};
}

async function login(
	{ origin, keys, issuer }: RouteParts,
	request: Request,
	response: Response,
): Promise<void> {
	const pending = newLogin(returnPath(request.query['return']));
	const sealed = await seal(keys, 'login', { ...pending }, LOGIN_SECONDS);
	const url = await issuer.start(`${origin}${CALLBACK}`, pending);
	response.append('set-cookie', `${LOGIN_COOKIE}=${sealed}; ${LOGIN_ATTRIBUTES}; Max-Age=${LOGIN_SECONDS}`);
	response.redirect(303, url.href);
}

/**
 * Ends a login. The page that it answers navigates on: with a redirect the Strict cookie would stay
 * behind.
 */
async function callback(
	{ origin, keys, issuer, sessions }: RouteParts,
	request: Request,
	response: Response,
): Promise<void> {
	const cookie = cookieOf(request, LOGIN_COOKIE) ?? '';
	response.append('set-cookie', `${LOGIN_COOKIE}=; ${LOGIN_ATTRIBUTES}; Max-Age=0`);
	const pending = PENDING.safeParse(await unseal(keys, 'login', cookie));
	if (!pending.success)
		return messagePage(response, 400, 'This login was not started here, or took longer than 10 minutes.');
	const tokens = await issuer.finish(new URL(request.originalUrl, origin), pending.data);
	const begun = await sessions.begin(response, tokens);
	if (!begun.ok) return messagePage(response, begun.error.status, begun.error.message);
	const to = escapeHtml(returnPath(pending.data.returnTo));
	response
		.status(200)
		.type('html')
		.send(
			`<!doctype html><html lang="en"><meta charset="utf-8"><title>Signed in</title><meta http-equiv="refresh" content="0;url=${to}"><p>You are signed in. <a href="${to}">Continue</a></p></html>`,
		);
}

async function logout(
	{ origin, issuer, sessions, log }: RouteParts,
	request: Request,
	response: Response,
): Promise<void> {
	const own = checkSameOrigin(request, origin);
	if (!own.ok) return void response.status(own.error.status).json({ error: own.error.message });
	const tokens = await sessions.end(cookieOf(request, SESSION_COOKIE) ?? '');
	response.append('set-cookie', `${SESSION_COOKIE}=; ${attributes(0)}`);
	const warn = (thrown: unknown): undefined => {
		log.warn({ problem: issuerProblem(thrown, TIMEOUT) }, 'signing out at the issuer failed');
	};
	if (tokens?.refreshToken !== undefined) await issuer.revoke(tokens.refreshToken).catch(warn);
	const end = await issuer.endSession(tokens?.idToken, `${origin}/ui/`).catch(warn);
	response.json({ status: 'signed out', ...(end === undefined ? {} : { location: end.href }) });
}

/** Answers a login that failed: what the issuer said, or that it cannot be reached. Never a token. */
function fail({ log }: RouteParts, response: Response, thrown: unknown): void {
	const problem = issuerProblem(thrown, TIMEOUT);
	log.info({ problem }, 'login at the issuer failed');
	if (!response.headersSent) messagePage(response, 502, `The issuer did not complete the login: ${problem}`);
}
