import type { ScriptedAnswer } from '../../support/scripted-vault.ts';
import { type Case, type Expected, failsAtDeadline, failsAtOnce, scripted } from './fault.ts';
import { STAGES } from './responses.ts';

const raw = (text: string): ScriptedAnswer => ({ status: 0, raw: text });
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';

const ANSWERS: readonly (readonly [string, ScriptedAnswer, Expected])[] = [
	[
		'a content-length beyond the body',
		raw(`${HEAD}content-length: 999\r\n\r\n{"data":`),
		failsAtDeadline(24, /reset \(ECONNRESET\)/),
	],
	[
		'a content-length short of the body',
		raw(`${HEAD}content-length: 5\r\n\r\n{"data":{}}`),
		failsAtDeadline(28, /JSON that is cut off or malformed/),
	],
	['no HTTP at all', raw('SSH-2.0-OpenSSH_9.2\r\n'), failsAtOnce(28, /does not speak HTTP \(Malformed_/)],
	[
		'an endless header',
		raw(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(20_000_000)}\r\n\r\n`),
		failsAtOnce(28, /does not speak HTTP \(/),
	],
	[
		'a chunked body that is cut',
		raw(`${HEAD}transfer-encoding: chunked\r\n\r\n5\r\n{"dat`),
		failsAtDeadline(24, /ECONNRESET/),
	],
	[
		'a redirect over HTTP/1.1',
		raw('HTTP/1.1 307 Temporary Redirect\r\nlocation: https://evil.example/\r\ncontent-length: 0\r\n\r\n'),
		failsAtOnce(28, /a redirect \(307\)/),
	],
];

/** Malformed HTTP/1.1; in HTTP/2 Node's library would not send the like. */
export const MALFORMED: readonly Case[] = ANSWERS.map(([what, answer, expected]) => ({
	what,
	at: 'list',
	expected,
	target: (fixture) =>
		scripted(fixture, ({ path }) => (STAGES.list(path) ? answer : undefined), { http1Only: true }),
}));
