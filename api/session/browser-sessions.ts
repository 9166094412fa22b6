import type { Express, Request } from 'express';
import type { Result } from '../../contract/result.ts';
import type { Caller } from '../auth/caller.ts';
import type { Problem } from '../problem.ts';

/** How people sign in to the dashboard, as it shows it before anybody has. */
export interface SignIn {
	/** `oidc`: at the issuer. `development`: everybody is the same developer. */
	readonly kind: 'oidc' | 'development';
}

/**
 * The sessions of browsers. They are held by cookies, and count only under the rules of `checkSameOrigin`.
 */
export interface BrowserSessions {
	readonly signIn: SignIn;
	/**
	 * Adds `GET /ui/session/login?return=/ui/…`, `POST /ui/session/logout`, and what the way to sign in needs
	 * besides. Login leads back to `return`, which must begin with `/ui/`.
	 */
	addRoutes(app: Express): void;
	/**
	 * The cookie of the session, for the limit on failed logins. Undefined when the request has none: then it
	 * is a request without credentials.
	 */
	credentialOf(request: Request): string | undefined;
	/**
	 * Identifies the bearer of the cookie, after the checks of the origin.
	 *
	 * @param org the organization that the call names, if any
	 */
	authenticate(request: Request, org: string | undefined): Promise<Result<Caller, Problem>>;
	/** Stops the background work. */
	stop(): void;
}
