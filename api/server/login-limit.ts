import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Result } from '../../contract/result.ts';
import type { Caller } from '../auth/caller.ts';
import { createQueue } from '../concurrency.ts';
import type { Problem } from '../problem.ts';

/**
 * The result of a login: the credentials were checked, or refused for some seconds after too many failures.
 */
export type LoginAttempt =
	| { readonly kind: 'checked'; readonly authenticated: Result<Caller, Problem> }
	| { readonly kind: 'too-many'; readonly seconds: number };

type Authenticate = () => Promise<Result<Caller, Problem>>;

/** Checks credentials, within a limit on failed logins of an address. */
export type LoginLimit = (
	address: string,
	credential: string,
	authenticate: Authenticate,
) => Promise<LoginAttempt>;

const SECONDS = 60;
/**
 * Maximum number of concurrent checks for all addresses beyond their limit. A check may be a request to Vault
 * or to the API server.
 */
const AT_ONCE = 4;
/** Queue of such checks: its maximum length, and the maximum wait in ms. */
const WAITING = { most: 1000, longest: 10_000 };
/** Cache of valid credentials, as hashes: how long they stay, and how many at most. */
const REMEMBERED = { milliseconds: 600_000, most: 10_000 };

/**
 * Limits failed logins of an address to `most` per minute. Each check is counted before it starts; the count
 * is taken back if the credentials are valid. So parallel calls cannot exceed the limit. Beyond the limit,
 * valid credentials still pass: at once if they were valid within the last ten minutes, otherwise after the
 * checks in the queue. That bounds the cost of bad credentials.
 */
export function createLoginLimit(most: number): LoginLimit {
	const attempts = new RateLimiterMemory({ points: most, duration: SECONDS });
	const queue = createQueue(AT_ONCE, WAITING);
	const valid = new LRUCache<string, true>({ max: REMEMBERED.most, ttl: REMEMBERED.milliseconds });
	/** Counts the check before it starts. */
	const checkWithinLimit = async (address: string, authenticate: Authenticate): Promise<LoginAttempt> => {
		const client = clientOf(address);
		const { consumedPoints, msBeforeNext } = await attempts.penalty(client);
		const tooMany = { kind: 'too-many', seconds: Math.max(1, Math.ceil(msBeforeNext / 1000)) } as const;
		const within = consumedPoints <= most;
		let failed = false;
		try {
			const authenticated = within ? await authenticate() : await queue(authenticate);
			failed = authenticated === undefined || isFailed(authenticated);
			return authenticated === undefined || (failed && !within)
				? tooMany
				: { kind: 'checked', authenticated };
		} finally {
			// Also when Vault is unavailable: that is not a failed login.
			if (!failed) await attempts.reward(client);
		}
	};
	return async (address, credential, authenticate) => {
		const hash = createHash('sha256').update(credential).digest('base64');
		if (valid.has(hash)) {
			const authenticated = await authenticate();
			if (!isFailed(authenticated)) return { kind: 'checked', authenticated };
			valid.delete(hash);
		}
		const login = await checkWithinLimit(address, authenticate);
		if (login.kind === 'checked' && login.authenticated.ok) valid.set(hash, true);
		return login;
	};
}

/**
 * True for a failed login. Other refusals do not count: the credentials are valid, or could not be checked.
 */
function isFailed(authenticated: Result<Caller, Problem>): boolean {
	return !authenticated.ok && authenticated.error.status === 401;
}

/**
 * The client that a limit counts. An owner of one IPv6 address has all 2^64 of its network (RFC 4291, section
 * 2.5.4).
 */
function clientOf(address: string): string {
	if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
	const [head = '', tail] = address.split('%')[0]?.split('::') ?? [];
	const groups = head.split(':').filter((group) => group !== '');
	const rest = tail === undefined ? [] : tail.split(':').filter((group) => group !== '');
	const zeros = Array(Math.max(0, 8 - groups.length - rest.length)).fill('0');
	return [...groups, ...zeros, ...rest].slice(0, 4).join(':');
}
