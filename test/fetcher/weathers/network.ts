import { createServer } from 'node:net';
import { expect } from 'vitest';
import type { TcpFault } from '../../support/fault-proxy.ts';
import { vaultEnv } from '../support/backends.ts';
import { makePod, runFetcher } from '../support/fetcher.ts';
import { type Case, type Expected, HEALS, lasts, type Place, type Weather, wired } from './weather.ts';

/** Stands for "in the middle of the first answer", which is known once a smaller one was seen. */
const IN_ANSWER = -1;

/** Bytes of a resumed TLS session until the server is in the middle of its answer to a login. */
const RESUMED_INTO_ANSWER = 900;

/** How many bytes the server sends until it is in the middle of its first answer: nearly all of a fetch whose login is refused. */
async function bytesIntoAnswer({ file, vault }: Weather): Promise<number> {
	const { proxy, place } = await wired(vault, () => ({ kind: 'pass' }));
	const pod = await makePod(vault.jwt());
	const env = { ...vaultEnv(vault), ...place.env, ENVTIER_VAULT_ROLE: 'nobody' };
	expect((await runFetcher(file, pod, env)).code).toBe(21);
	await pod.scratch.remove();
	await place[Symbol.asyncDispose]();
	return proxy.received() - 60;
}

const FAULTS: readonly (readonly [string, TcpFault, Expected])[] = [
	[
		'a black hole',
		{ kind: 'silent', after: 0 },
		lasts(24, /^unreachable: .*: no TLS handshake within \d+ ms; given up after 3 s/),
	],
	[
		'a black hole after the handshake',
		{ kind: 'silent', after: IN_ANSWER },
		lasts(24, /no complete answer within/),
	],
	[
		'one byte a second from the start',
		{ kind: 'trickle', after: 0, everyMs: 1_000 },
		lasts(24, /no TLS handshake within/),
	],
	[
		'one byte a second in the answers',
		{ kind: 'trickle', after: IN_ANSWER, everyMs: 1_000 },
		lasts(24, /no complete answer within/),
	],
	['a reset at once', { kind: 'reset', after: 0 }, lasts(24, /the connection was reset \(ECONNRESET\)/)],
	['a reset in the handshake', { kind: 'reset', after: 100 }, lasts(24, /was reset \(ECONNRESET\)/)],
	['an end in the handshake', { kind: 'end', after: 100 }, lasts(24, /\(ECONNRESET\)/)],
	['a reset in the answers', { kind: 'reset', after: IN_ANSWER }, lasts(24, /was reset \(ECONNRESET\)/)],
	['an end in the answers', { kind: 'end', after: IN_ANSWER }, lasts(24, /\(ECONNRESET\)/)],
];

const faulty: readonly Case[] = FAULTS.map(([what, fault, expected]) => ({
	what,
	expected,
	place: async (weather) => {
		if (!('after' in fault) || fault.after !== IN_ANSWER)
			return (await wired(weather.vault, () => fault)).place;
		const first = await bytesIntoAnswer(weather);
		// A connection that was cut is made again, and resumes the TLS session of the first: no certificate comes again.
		const resumed = fault.kind === 'reset' || fault.kind === 'end';
		const after = (number: number): number => (resumed && number > 1 ? RESUMED_INTO_ANSWER : first);
		return (await wired(weather.vault, (number) => ({ ...fault, after: after(number) }))).place;
	},
}));

/** Hangs up on whoever connects. */
async function hangingUp(): Promise<Place> {
	let tries = 0;
	const server = createServer((socket) => {
		tries += 1;
		socket.destroy();
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const address = server.address();
	const port = typeof address === 'object' ? address?.port : 0;
	return {
		env: { ENVTIER_VAULT_ADDR: `https://127.0.0.1:${port}` },
		tries: () => tries,
		[Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
	};
}

/** A port where nothing listens, for so many milliseconds. */
async function refusing({ vault }: Weather, ms: number): Promise<Place> {
	const { proxy, place } = await wired(vault, () => ({ kind: 'pass' }));
	await proxy.refuse(true);
	const timer = setTimeout(() => void proxy.refuse(false), Math.min(ms, 2 ** 31 - 1));
	return {
		...place,
		// A connection that is refused reaches nobody who could count it: the log tells.
		tries: () => 2,
		[Symbol.asyncDispose]: async () => {
			clearTimeout(timer);
			await place[Symbol.asyncDispose]();
		},
	};
}

const REFUSED = 'nothing listens there (connection refused) (ECONNREFUSED); trying again';

/** What the network between fetcher and Vault can do. */
export const NETWORK: readonly Case[] = [
	...faulty,
	{
		what: 'the server hangs up on the first byte',
		expected: lasts(24, /the connection was reset|the connection was closed/),
		place: hangingUp,
	},
	{
		what: 'nothing listens (connection refused)',
		expected: lasts(24, /^unreachable: .*nothing listens there \(connection refused\)/),
		place: (weather) => refusing(weather, Number.POSITIVE_INFINITY),
		also: ({ log }) => expect(log[0]?.msg).toContain(REFUSED),
	},
	{
		what: 'nothing listens at first',
		expected: HEALS,
		place: (weather) => refusing(weather, 2_000),
		also: ({ log }) => expect(log[0]?.msg).toContain(REFUSED),
	},
	{
		what: 'a black hole at first',
		expected: HEALS,
		place: async ({ vault }) => {
			const { place } = await wired(vault, (number) =>
				number === 1 ? { kind: 'silent', after: 0 } : { kind: 'pass' },
			);
			return { ...place, env: { ...place.env, ENVTIER_DEADLINE: '30' } };
		},
		// The second look at the network, which tells at what stage the first attempt waited, comes through.
		also: ({ log }) => expect(log[0]?.msg).toContain('no complete answer within'),
	},
];
