import { type Json, object } from '../../lib/json.ts';
import type { SavedToken } from '../vault.ts';
import { type Grant, type LeaseState, NO_LEASE } from './lease-state.ts';

/** Encodes leases as JSON for the private file. */
export function encodeLeases(leases: ReadonlyMap<string, LeaseState>): Json {
	return Object.fromEntries([...leases].map(([name, state]) => [name, encode(state)]));
}

function encode({ current, ...state }: LeaseState): Json {
	if (current === undefined) return state;
	return { ...state, current: { ...current, values: Object.fromEntries(current.values) } };
}

/** Decodes leases of the private file. A part that is invalid counts as missing. */
export function decodeLeases(leases: Json | undefined): ReadonlyMap<string, LeaseState> {
	const entries = Object.entries(leases ?? {});
	return new Map(entries.map(([name, state]) => [name, decode(object(state) ?? {})]));
}

function decode(state: Json): LeaseState {
	const { mints, discarded, due, failures } = state;
	const current = grantIn(object(state['current']));
	return {
		...NO_LEASE,
		current,
		written: current !== undefined && state['written'] === true,
		replace: state['replace'] === true,
		doubted: state['doubted'] === true,
		failures: typeof failures === 'number' ? failures : 0,
		due: typeof due === 'number' ? due : 0,
		mints: Array.isArray(mints) ? mints.filter((time) => typeof time === 'number') : [],
		discarded: (Array.isArray(discarded) ? discarded : []).flatMap((entry) => {
			const one = object(entry);
			const token = tokenIn(object(one?.['token']));
			const notBefore = one?.['notBefore'];
			return token === undefined ? [] : [{ token, notBefore: typeof notBefore === 'number' ? notBefore : 0 }];
		}),
	};
}

/** The token in a JSON object, or undefined if it holds none. */
export function tokenIn(token: Json | undefined): SavedToken | undefined {
	const { value, expires, revocable } = token ?? {};
	if (typeof value !== 'string' || typeof expires !== 'number') return undefined;
	return { value, expires, revocable: revocable === true };
}

const CONTINUATIONS = ['renew', 'replace', 'reread'] as const;

function grantIn(grant: Json | undefined): Grant | undefined {
	const { leaseId, ttl, tokenTtl, since, expires } = grant ?? {};
	const continuation = CONTINUATIONS.find((one) => one === grant?.['continuation']);
	const values = Object.entries(object(grant?.['values']) ?? {});
	if (continuation === undefined || !areNumbers(ttl, tokenTtl, since, expires)) return undefined;
	return {
		token: tokenIn(object(grant?.['token'])),
		leaseId: typeof leaseId === 'string' ? leaseId : undefined,
		continuation,
		...{ ttl: Number(ttl), tokenTtl: Number(tokenTtl), since: Number(since), expires: Number(expires) },
		values: new Map(values.filter((entry): entry is [string, string] => typeof entry[1] === 'string')),
	};
}

function areNumbers(...values: readonly unknown[]): boolean {
	return values.every((value) => typeof value === 'number');
}
