import { type Answer, call } from '../lib/client.ts';
import { queryOf, type Target } from './target.ts';

/** A token of the issuer for this program alone. It is in memory only. */
export interface Session {
	readonly token: string;
}

interface PageClient {
	readonly authorizationEndpoint: string;
	readonly clientId: string;
	readonly scope: string;
}

/** What the page remembers while the browser is at the issuer. No token, no value. */
interface Pending {
	readonly state: string;
	readonly verifier: string;
	readonly query: string;
	readonly reason: string;
}

const PENDING = 'envtier-reveal-sign-in';
const redirectUri = (): string => `${location.origin}/ui/reveal`;

const base64url = (bytes: Uint8Array): string =>
	btoa(String.fromCharCode(...bytes))
		.replaceAll('+', '-')
		.replaceAll('/', '_')
		.replaceAll('=', '');

const randomText = (): string => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** Sends the browser to the issuer (RFC 6749, 4.1, with PKCE: RFC 7636). Returns only if that fails. */
export async function goToIssuer(target: Target, reason: string): Promise<string> {
	const client = await call<PageClient>('GET', '/ui/reveal/client');
	if (!client.ok) return client.failure.message;
	const pending: Pending = { state: randomText(), verifier: randomText(), query: queryOf(target), reason };
	const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(pending.verifier));
	const url = new URL(client.value.authorizationEndpoint);
	const parameters = {
		response_type: 'code',
		client_id: client.value.clientId,
		scope: client.value.scope,
		redirect_uri: redirectUri(),
		state: pending.state,
		code_challenge: base64url(new Uint8Array(digest)),
		code_challenge_method: 'S256',
	};
	for (const [name, text] of Object.entries(parameters)) url.searchParams.set(name, text);
	sessionStorage.setItem(PENDING, JSON.stringify(pending));
	location.assign(url);
	return '';
}

/** What came back from the issuer. */
export type Returned =
	| { readonly kind: 'nothing' }
	| { readonly kind: 'session'; readonly session: Session; readonly reason: string }
	| { readonly kind: 'failed'; readonly message: string; readonly reason: string };

/**
 * Ends a sign-in if the address holds the issuer's answer. Takes the answer out of the address, and puts the
 * secret that the page is about back into it.
 */
export async function endSignIn(): Promise<Returned> {
	const query = new URLSearchParams(location.search);
	const [code, error] = [query.get('code'), query.get('error')];
	const pending = readPending();
	if (code === null && error === null) return { kind: 'nothing' };
	sessionStorage.removeItem(PENDING);
	history.replaceState(undefined, '', `/ui/reveal${pending === undefined ? '' : `?${pending.query}`}`);
	const failed = (message: string): Returned => ({
		...{ kind: 'failed', message },
		reason: pending?.reason ?? '',
	});
	if (pending === undefined || query.get('state') !== pending.state)
		return failed('this sign-in was not started here, or in another tab; sign in again');
	if (code === null) return failed(query.get('error_description') ?? `the issuer refused: ${error}`);
	const iss = query.get('iss');
	const answer: Answer<Session> = await call<Session>('POST', '/ui/reveal/token', {
		body: {
			...{ code, verifier: pending.verifier, redirectUri: redirectUri() },
			...(iss === null ? {} : { iss }),
		},
	});
	return answer.ok
		? { kind: 'session', session: answer.value, reason: pending.reason }
		: failed(answer.failure.message);
}

function readPending(): Pending | undefined {
	try {
		return JSON.parse(sessionStorage.getItem(PENDING) ?? '') as Pending;
	} catch {
		return undefined;
	}
}
