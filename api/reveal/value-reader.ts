import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { VaultClient } from '../../lib/vault/client.ts';
import { responseOf } from '../../lib/vault/response.ts';
import type { VaultResponse } from '../../lib/vault/types.ts';
import { type Fields, StoreFailure } from '../store/store.ts';

/** Who reads a value, and why. Vault's audit device records it as headers of the request. */
export interface Reading {
	readonly actor: string;
	readonly reason: string;
	/** The id of the elevation; empty without one. */
	readonly elevation: string;
	readonly requestId: string;
}

/** One login for one value. Its token can do nothing after its last use, or after a minute. */
export interface ValueLogin {
	/** Reads a version, or the current one; undefined if it has no value. */
	read(path: string, version: number | undefined, reading: Reading): Promise<ReadValue | undefined>;
	/** Writes a version over the live version number `expected`. Only with the role for restores. */
	update(path: string, fields: Fields, expected: number): Promise<'written' | 'conflict' | 'absent'>;
	/** Gives the token back. */
	end(): Promise<void>;
}

/** A value that was read. */
export interface ReadValue {
	readonly fields: Fields;
	readonly version: number;
}

/** How to log in for values. */
export interface ValueLoginSettings {
	/** The mount of the auth method. */
	readonly authMount: string;
	readonly kvMount: string;
	/** File of the program's service-account token. */
	readonly tokenFile: string;
	/** The role for one reveal, and the one for one restore. */
	readonly roles: { readonly reveal: string; readonly restore: string };
}

/** Uses of a token: what it is for, and giving it back. */
const USES = { reveal: 2, restore: 3 } as const;
const MAX_SECONDS = 60;

const AUTH = z.object({
	auth: z.object({ client_token: z.string(), lease_duration: z.number(), num_uses: z.number() }),
});
const DATA = z.object({
	data: z.object({
		data: z.record(z.string(), z.string()).nullable(),
		metadata: z.object({ version: z.number() }),
	}),
});

/**
 * Logs in to Vault for one reveal or one restore. Refuses a role whose tokens live longer or have more uses
 * than the shipped one: a leaked token would be worth more.
 *
 * @param client without retries, because each request is a use of the token
 */
export async function logInForValue(
	client: VaultClient,
	{ authMount, kvMount, tokenFile, roles }: ValueLoginSettings,
	purpose: 'reveal' | 'restore',
): Promise<ValueLogin> {
	const role = roles[purpose];
	const body = { role, jwt: (await readFile(tokenFile, 'utf8')).trim() };
	const answer = responseOf(await client.write(`auth/${authMount}/login`, body), client);
	const token = tokenOf(answer, role, USES[purpose]);
	const at = (path: string): string => `${kvMount}/data/${path.split('/').map(encodeURIComponent).join('/')}`;
	return {
		read: async (path, version, reading) => {
			const query = version === undefined ? '' : `?version=${version}`;
			const outcome = await client.read(`${at(path)}${query}`, token, headersOf(reading));
			return decode(responseOf(outcome, client));
		},
		update: async (path, fields, expected) => {
			const patch = { data: fields, options: { cas: expected } };
			const { status } = responseOf(await client.patch(at(path), patch, token), client);
			if (status === 200) return 'written';
			if (status === 404) return 'absent';
			if (status === 400) return 'conflict';
			throw new StoreFailure('refused', `Vault answered HTTP ${status}: check the role ${role}`);
		},
		// The token ends by itself soon, so a failure changes nothing.
		end: async () => void (await client.write('auth/token/revoke-self', {}, token)),
	};
}

function tokenOf({ status, json }: VaultResponse, role: string, uses: number): string {
	const parsed = AUTH.safeParse(json);
	if (status !== 200 || !parsed.success)
		throw new StoreFailure('refused', `Vault refused the login as role "${role}" (HTTP ${status})`);
	const { client_token: token, lease_duration: seconds, num_uses: given } = parsed.data.auth;
	if (given !== uses || seconds > MAX_SECONDS || seconds === 0)
		throw new StoreFailure(
			'refused',
			`the role "${role}" must have token_num_uses=${uses} and token_ttl=${MAX_SECONDS}s or less`,
		);
	return token;
}

function decode({ status, json }: VaultResponse): ReadValue | undefined {
	if (status === 404) return undefined;
	const parsed = DATA.safeParse(json);
	if (status !== 200 || !parsed.success)
		throw new StoreFailure('refused', `Vault answered HTTP ${status} to the read of a value`);
	const { data, metadata } = parsed.data.data;
	return data === null ? undefined : { fields: data, version: metadata.version };
}

/** Percent-encoded, so that any subject and reason fit into a header. */
function headersOf({ actor, reason, elevation, requestId }: Reading): Readonly<Record<string, string>> {
	return {
		'x-envtier-actor': encodeURIComponent(actor),
		'x-envtier-reason': encodeURIComponent(reason),
		'x-envtier-request': encodeURIComponent(requestId),
		...(elevation === '' ? {} : { 'x-envtier-elevation': encodeURIComponent(elevation) }),
	};
}
