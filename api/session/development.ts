import { randomBytes, timingSafeEqual } from 'node:crypto';
import { ok } from '../../contract/result.ts';
import { type Caller, SCOPES } from '../auth/caller.ts';
import { refuse } from '../problem.ts';
import type { BrowserSessions } from './browser-sessions.ts';
import { cookieOf, returnPath } from './cookies.ts';
import { checkSameOrigin } from './same-origin.ts';

const COOKIE = '__Host-envtier-development';
const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Strict';
const LOOPBACK = /^(?:127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}$/;

/** The organizations of the developer. Two, so that the switcher can be tried. */
const ORGS = ['acme', 'globex'] as const;

/**
 * Sessions for trying the dashboard out: whoever can reach the loopback address is the same developer,
 * after a click on "Sign in". The settings refuse it everywhere else.
 */
export function developmentSessions(): BrowserSessions {
	const secret = randomBytes(24).toString('base64url');
	return {
		signIn: { kind: 'development' },
		addRoutes: (app) => {
			app.get('/ui/session/login', (request, response) => {
				response.set('set-cookie', `${COOKIE}=${secret}; ${ATTRIBUTES}`);
				response.redirect(303, returnPath(request.query['return']));
			});
			app.post('/ui/session/logout', (request, response) => {
				const own = checkSameOrigin(request, `http://${request.headers.host}`);
				if (!own.ok) return void response.status(own.error.status).json({ error: own.error.message });
				response.set('set-cookie', `${COOKIE}=; ${ATTRIBUTES}; Max-Age=0`);
				response.json({ status: 'signed out' });
			});
		},
		credentialOf: (request) => cookieOf(request, COOKIE),
		authenticate: (request, org) => {
			const { host = '' } = request.headers;
			// A name that leads here is not enough: another site could be behind it (DNS rebinding).
			if (!LOOPBACK.test(host)) return Promise.resolve(refuse(403, 'the host must be a loopback address'));
			const own = checkSameOrigin(request, `http://${host}`);
			if (!own.ok) return Promise.resolve(own);
			const [given, right] = [Buffer.from(cookieOf(request, COOKIE) ?? ''), Buffer.from(secret)];
			const valid = given.length === right.length && timingSafeEqual(given, right);
			return Promise.resolve(valid ? ok(developer(org)) : refuse(401, 'the session has ended'));
		},
		stop: () => undefined,
	};
}

/** The developer, who may do everything in both organizations. */
function developer(org: string | undefined): Caller {
	return {
		kind: 'session',
		subject: 'user:developer',
		org: org ?? ORGS[0],
		orgs: ORGS,
		adminOrgs: ORGS,
		email: 'developer@example.com',
		roles: new Set(['org_owner']),
		scopes: new Set(SCOPES),
	};
}
