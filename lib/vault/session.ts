import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import * as z from 'zod';
import type { VaultClient } from './client.ts';
import { RequestFailure } from './request-failure.ts';
import { responseOf } from './response.ts';
import type { VaultResponse } from './types.ts';

/** How a program logs in to Vault. */
export type VaultLogin =
	| { readonly kind: 'token'; readonly token: string }
	/** Read again for every renewal: an agent or the kubelet may have replaced the file. */
	| { readonly kind: 'token-file'; readonly file: string }
	| {
			readonly kind: 'kubernetes';
			readonly mount: string;
			readonly role: string;
			readonly tokenFile: string;
	  };

/** The Vault token of a program. The session renews it. */
export interface VaultSession {
	token(): Promise<string>;
	/** Call it when Vault refused `token`. Returns a new token, or undefined if none is available. */
	renewAfter(token: string): Promise<string | undefined>;
	close(): void;
}

interface Lease {
	readonly token: string;
	/** Lease duration in seconds; 0: the token does not expire. */
	readonly seconds: number;
	readonly renewable: boolean;
}

const AUTH = z.object({
	auth: z.object({ client_token: z.string(), lease_duration: z.number(), renewable: z.boolean() }),
});
const SELF = z.object({ data: z.object({ ttl: z.number(), renewable: z.boolean() }) });

const SHORTEST = 1_000;
const RETRY = 5_000;

/**
 * Opens a session lazily: the first call of `token` logs in, so that the program starts while Vault is
 * unavailable.
 */
export function openSession(client: VaultClient, login: VaultLogin, log: Logger): VaultSession {
	let lease: Promise<Lease> | undefined;
	let timer: NodeJS.Timeout | undefined;
	let closed = false;

	const scheduleRenewal = (current: Lease): void => {
		clearTimeout(timer);
		if (closed || current.seconds === 0) return;
		// Two thirds of the lease leave time for more than one attempt.
		const wait = Math.max(SHORTEST, (current.seconds * 2000) / 3);
		timer = setTimeout(() => void renewLease(current), Math.min(wait, 2 ** 31 - 1)).unref();
	};
	const renewLease = async (current: Lease): Promise<void> => {
		try {
			const renewed = current.renewable ? await renew(client, current.token) : undefined;
			// Near its maximum lifetime a token gets ever shorter renewals. Then log in again.
			const good = renewed !== undefined && renewed.seconds > current.seconds / 2 ? renewed : undefined;
			await setLease(good === undefined ? newLease() : Promise.resolve(good));
		} catch (thrown) {
			log.warn({ problem: String(thrown) }, 'the Vault token could not be renewed yet');
			if (!closed) timer = setTimeout(() => void renewLease(current), RETRY).unref();
		}
	};
	const newLease = (): Promise<Lease> => logIn(client, login);
	const setLease = async (pending: Promise<Lease>): Promise<Lease> => {
		const next = await pending;
		lease = Promise.resolve(next);
		scheduleRenewal(next);
		return next;
	};
	const currentLease = (): Promise<Lease> => {
		lease ??= setLease(newLease()).catch((thrown: unknown) => {
			lease = undefined;
			throw thrown;
		});
		return lease;
	};
	const replace = async (refused: string): Promise<string | undefined> => {
		const current = await currentLease();
		if (current.token !== refused) return current.token;
		if (login.kind === 'token') return undefined;
		lease = undefined;
		const next = await currentLease();
		return next.token === refused ? undefined : next.token;
	};
	/** The renewal in progress. Requests that are refused at the same time share one login. */
	let renewal: { readonly refused: string; readonly next: Promise<string | undefined> } | undefined;
	return {
		token: async () => (await currentLease()).token,
		renewAfter: (refused) => {
			if (renewal?.refused !== refused) {
				const next = replace(refused).finally(() => {
					renewal = undefined;
				});
				renewal = { refused, next };
			}
			return renewal.next;
		},
		close: () => {
			closed = true;
			clearTimeout(timer);
		},
	};
}

async function logIn(client: VaultClient, login: VaultLogin): Promise<Lease> {
	if (login.kind === 'token') return inspect(client, login.token);
	if (login.kind === 'token-file') return inspect(client, await readTokenFile(login.file));
	const path = `auth/${login.mount}/login`;
	const body = { role: login.role, jwt: await readTokenFile(login.tokenFile) };
	const answer = responseOf(await client.write(path, body), client);
	return leaseOf(answer, `the login at ${path} as role "${login.role}"`);
}

async function renew(client: VaultClient, token: string): Promise<Lease> {
	const answer = responseOf(await client.write('auth/token/renew-self', {}, token), client);
	return leaseOf(answer, 'renewing the token');
}

function leaseOf(answer: VaultResponse, what: string): Lease {
	const parsed = AUTH.safeParse(answer.json);
	if (answer.status !== 200 || !parsed.success)
		throw new RequestFailure('refused', `Vault refused ${what} (HTTP ${answer.status})`);
	const { client_token: token, lease_duration: seconds, renewable } = parsed.data.auth;
	return { token, seconds, renewable };
}

/** The lease of a given token. If its policy forbids the lookup, the token is used without a lease. */
async function inspect(client: VaultClient, token: string): Promise<Lease> {
	const answer = responseOf(await client.read('auth/token/lookup-self', token), client);
	const parsed = SELF.safeParse(answer.json);
	return parsed.success
		? { token, seconds: parsed.data.data.ttl, renewable: parsed.data.data.renewable }
		: { token, seconds: 0, renewable: false };
}

async function readTokenFile(file: string): Promise<string> {
	try {
		return (await readFile(file, 'utf8')).trim();
	} catch (thrown) {
		const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown';
		throw new RequestFailure('refused', `the token file ${file} cannot be read (${code})`);
	}
}
