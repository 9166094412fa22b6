import type { ScriptedAnswer } from '../../support/scripted-vault.ts';
import { STAGES } from './answers.ts';
import { type Case, type Expected, lasts, scripted, stays } from './weather.ts';

const raw = (text: string): ScriptedAnswer => ({ status: 0, raw: text });
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';

const ANSWERS: readonly (readonly [string, ScriptedAnswer, Expected])[] = [
	[
		'a content-length beyond the body',
		raw(`${HEAD}content-length: 999\r\n\r\n{"data":`),
		lasts(24, /reset \(ECONNRESET\)/),
	],
	[
		'a content-length short of the body',
		raw(`${HEAD}content-length: 5\r\n\r\n{"data":{}}`),
		lasts(28, /JSON that is cut off or malformed/),
	],
	['no HTTP at all', raw('SSH-2.0-OpenSSH_9.2\r\n'), stays(28, /does not speak HTTP \(Malformed_/)],
	[
		'an endless header',
		raw(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(20_000_000)}\r\n\r\n`),
		stays(28, /does not speak HTTP \(/),
	],
	[
		'a chunked body that is cut',
		raw(`${HEAD}transfer-encoding: chunked\r\n\r\n5\r\n{"dat`),
		lasts(24, /ECONNRESET/),
	],
	[
		'a redirect over HTTP/1.1',
		raw('HTTP/1.1 307 Temporary Redirect\r\nlocation: https://evil.example/\r\ncontent-length: 0\r\n\r\n'),
		stays(28, /a redirect \(307\)/),
	],
];

/** Malformed HTTP/1.1; in HTTP/2 Node's library would not send the like. */
export const MALFORMED: readonly Case[] = ANSWERS.map(([what, answer, expected]) => ({
	what,
	at: 'list',
	expected,
	place: (weather) =>
		scripted(weather, ({ path }) => (STAGES.list(path) ? answer : undefined), { http1Only: true }),
}));
