import { createServer } from 'node:net';
import { expect } from 'vitest';
import type { TcpFault } from '../../support/fault-proxy.ts';
import { vaultEnv } from '../support/backends.ts';
import { makePod, runFetcher } from '../support/fetcher.ts';
import {
	type Case,
	type Expected,
	type FaultFixture,
	type FaultTarget,
	failsAtDeadline,
	SUCCEEDS_ON_RETRY,
	wired,
} from './fault.ts';

/** Stands for "in the middle of the first answer", which is known once a smaller one was seen. */
const IN_ANSWER = -1;

/** Bytes of a resumed TLS session until the server is in the middle of its answer to a login. */
const RESUMED_INTO_ANSWER = 900;

/**
 * Bytes from the server until the middle of its first response. If the login is refused, that is nearly the
 * whole fetch.
 */
async function bytesIntoAnswer({ file, vault }: FaultFixture): Promise<number> {
	const { proxy, target } = await wired(vault, () => ({ kind: 'pass' }));
	const pod = await makePod(vault.jwt());
	const env = { ...vaultEnv(vault), ...target.env, ENVTIER_VAULT_ROLE: 'nobody' };
	expect((await runFetcher(file, pod, env)).code).toBe(21);
	await pod.scratch.remove();
	await target[Symbol.asyncDispose]();
	return proxy.received() - 60;
}

const FAULTS: readonly (readonly [string, TcpFault, Expected])[] = [
	[
		'a black hole',
		{ kind: 'silent', after: 0 },
		failsAtDeadline(24, /^unreachable: .*: no TLS handshake within \d+ ms; given up after 3 s/),
	],
	[
		'a black hole after the handshake',
		{ kind: 'silent', after: IN_ANSWER },
		failsAtDeadline(24, /no complete answer within/),
	],
	[
		'one byte a second from the start',
		{ kind: 'trickle', after: 0, everyMs: 1_000 },
		failsAtDeadline(24, /no TLS handshake within/),
	],
	[
		'one byte a second in the answers',
		{ kind: 'trickle', after: IN_ANSWER, everyMs: 1_000 },
		failsAtDeadline(24, /no complete answer within/),
	],
	[
		'a reset at once',
		{ kind: 'reset', after: 0 },
		failsAtDeadline(24, /the connection was reset \(ECONNRESET\)/),
	],
	[
		'a reset in the handshake',
		{ kind: 'reset', after: 100 },
		failsAtDeadline(24, /was reset \(ECONNRESET\)/),
	],
	['an end in the handshake', { kind: 'end', after: 100 }, failsAtDeadline(24, /\(ECONNRESET\)/)],
	[
		'a reset in the answers',
		{ kind: 'reset', after: IN_ANSWER },
		failsAtDeadline(24, /was reset \(ECONNRESET\)/),
	],
	['an end in the answers', { kind: 'end', after: IN_ANSWER }, failsAtDeadline(24, /\(ECONNRESET\)/)],
];

const faulty: readonly Case[] = FAULTS.map(([what, fault, expected]) => ({
	what,
	expected,
	target: async (fixture) => {
		if (!('after' in fault) || fault.after !== IN_ANSWER)
			return (await wired(fixture.vault, () => fault)).target;
		const first = await bytesIntoAnswer(fixture);
		// A connection after a cut resumes the TLS session of the first, so the server sends no certificate.
		const resumed = fault.kind === 'reset' || fault.kind === 'end';
		const after = (number: number): number => (resumed && number > 1 ? RESUMED_INTO_ANSWER : first);
		return (await wired(fixture.vault, (number) => ({ ...fault, after: after(number) }))).target;
	},
}));

/** Closes every connection at once. */
async function hangingUp(): Promise<FaultTarget> {
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
async function refusing({ vault }: FaultFixture, ms: number): Promise<FaultTarget> {
	const { proxy, target } = await wired(vault, () => ({ kind: 'pass' }));
	await proxy.refuse(true);
	const timer = setTimeout(() => void proxy.refuse(false), Math.min(ms, 2 ** 31 - 1));
	return {
		...target,
		// No server can count refused connections, so the test reads the log.
		tries: () => 2,
		[Symbol.asyncDispose]: async () => {
			clearTimeout(timer);
			await target[Symbol.asyncDispose]();
		},
	};
}

const REFUSED = 'nothing listens there (connection refused) (ECONNREFUSED); trying again';

/** What the network between fetcher and Vault can do. */
export const NETWORK: readonly Case[] = [
	...faulty,
	{
		what: 'the server hangs up on the first byte',
		expected: failsAtDeadline(24, /the connection was reset|the connection was closed/),
		target: hangingUp,
	},
	{
		what: 'nothing listens (connection refused)',
		expected: failsAtDeadline(24, /^unreachable: .*nothing listens there \(connection refused\)/),
		target: (fixture) => refusing(fixture, Number.POSITIVE_INFINITY),
		also: ({ log }) => expect(log[0]?.msg).toContain(REFUSED),
	},
	{
		what: 'nothing listens at first',
		expected: SUCCEEDS_ON_RETRY,
		target: (fixture) => refusing(fixture, 2_000),
		also: ({ log }) => expect(log[0]?.msg).toContain(REFUSED),
	},
	{
		what: 'a black hole at first',
		expected: SUCCEEDS_ON_RETRY,
		target: async ({ vault }) => {
			const { target } = await wired(vault, (number) =>
				number === 1 ? { kind: 'silent', after: 0 } : { kind: 'pass' },
			);
			return { ...target, env: { ...target.env, ENVTIER_DEADLINE: '30' } };
		},
		// The second look at the network, which tells at what stage the first attempt waited, comes through.
		also: ({ log }) => expect(log[0]?.msg).toContain('no complete answer within'),
	},
];
