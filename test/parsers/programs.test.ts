import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { parseKeyFile } from '../../api/auth/key-file.ts';
import { readDocuments } from '../../cli/explain/documents.ts';
import { parseSettingsFile } from '../../cli/explain/settings.ts';
import { whyRefused } from '../../cli/remote/refused-token.ts';
import { tokenClaimsOf } from '../../fetcher/token-claims.ts';
import { refusal } from '../../lib/kubernetes/failure.ts';
import { EVENT_LIMIT, type WatchEvent, watchEvents } from '../../lib/kubernetes/watch-events.ts';
import { parseStatus } from '../../webhook/admission/status.ts';
import { repeated, testHostile } from './cpu.ts';

const MIB = 1024 * 1024;

/** Chunks as large as TLS records (RFC 8446, 5.1). */
function inRecords(text: string): AsyncIterable<Buffer> {
	const bytes = Buffer.from(text);
	const size = 16_384;
	const records = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
		bytes.subarray(i * size, (i + 1) * size),
	);
	return Readable.from(records);
}

async function eventsOf(text: string): Promise<readonly WatchEvent[]> {
	const events: WatchEvent[] = [];
	for await (const event of watchEvents(inRecords(text))) events.push(event);
	return events;
}

const EVENT = '{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"1"}}}\n';

const WATCHES: Readonly<Record<string, (size: number) => string>> = {
	'one long value': (size) => `{"type":"ADDED","object":{"a":"${'x'.repeat(size - 40)}"}}\n`,
	'a line without an end': (size) => 'x'.repeat(size),
	annotations: (size) => `{"type":"ADDED","object":{${repeated(size - 40, (i) => `"k${i}":"",`)}"z":""}}\n`,
	'brackets that open': (size) => `${'['.repeat(size)}\n`,
	'empty lines': (size) => '\n'.repeat(size),
};

describe('an event of a watch, as long as it may be', () =>
	testHostile({ limit: EVENT_LIMIT, parse: eventsOf, texts: WATCHES }));
describe('many short events of a watch', () =>
	testHostile({
		limit: MIB / 2,
		parse: eventsOf,
		texts: { events: (size) => repeated(size, () => EVENT) },
	}));

test('an event as long as is allowed is read; a longer one is an error and ends the watch', async () => {
	const event = (size: number): string =>
		`{"type":"ADDED","object":{"a":"${'x'.repeat(size - 36)}"}}`.padEnd(size);
	expect(await eventsOf(`${event(EVENT_LIMIT)}\n${EVENT}`)).toMatchObject([
		{ type: 'ADDED' },
		{ type: 'ADDED' },
	]);
	const error = { type: 'ERROR', object: { message: `sends an event of more than ${EVENT_LIMIT} bytes` } };
	expect(await eventsOf(`${event(EVENT_LIMIT + 1)}\n${EVENT}`)).toEqual([error]);
	expect(await eventsOf('x'.repeat(EVENT_LIMIT + 1))).toEqual([error]);
});

describe('a refusal of an API server', () =>
	testHostile({
		limit: 16 * MIB,
		parse: (text) => refusal(500, Buffer.from(text)),
		texts: {
			'a long message': (size) => `{"message":"${'x'.repeat(size - 14)}"}`,
			'causes without end': (size) => `{"details":[${repeated(size - 14, () => '{},')}{}]}`,
			'a page of a proxy': (size) => '<br>'.repeat(size / 4),
		},
	}));

describe('the status annotation', () =>
	testHostile({
		// All annotations of an object together have no more.
		limit: 256 * 1024,
		parse: parseStatus,
		texts: {
			containers: (size) => `{"containers":[${repeated(size - 20, () => '"",')}""]}`,
			'brackets that open': (size) => '['.repeat(size),
			'brackets that open and close': (size) => '['.repeat(size / 2) + ']'.repeat(size / 2),
		},
	}));

const jwtOf = (payload: string): string => `a.${Buffer.from(payload).toString('base64url')}.c`;
const NOW = new Date();

const CLAIMS: Readonly<Record<string, (size: number) => string>> = {
	audiences: (size) => jwtOf(`{"aud":[${repeated((size * 3) / 4 - 12, () => '"",')}""]}`),
	'a long subject': (size) => jwtOf(`{"sub":"system:serviceaccount:${'a.'.repeat((size * 3) / 8 - 20)}:"}`),
	'brackets that open': (size) => jwtOf('['.repeat((size * 3) / 4)),
	'brackets that open and close': (size) => jwtOf('['.repeat((size * 3) / 8) + ']'.repeat((size * 3) / 8)),
	dots: (size) => '.'.repeat(size),
	'letters without a dot': (size) => 'a'.repeat(size),
};

describe('the token of a pod, read for a message', () =>
	testHostile({ limit: 256 * 1024, parse: tokenClaimsOf, texts: CLAIMS }));
describe('a token that the API refuses, read for a message', () =>
	testHostile({
		limit: 256 * 1024,
		parse: (text) => whyRefused(text, 'ENVTIER_API_TOKEN', NOW),
		texts: CLAIMS,
	}));

const ENTRY = `{"id":"${'0'.repeat(16)}","hash":"${'0'.repeat(64)}","subject":"user:a"},`;

describe('the key file', () =>
	testHostile({
		limit: MIB,
		parse: parseKeyFile,
		texts: {
			keys: (size) => `{"keys":[${repeated(size - 200, () => ENTRY)}${ENTRY.slice(0, -1)}]}`,
			'as many wrong keys as are read': (size) =>
				`{"keys":[${repeated(Math.min(size, 19_000 * 2), () => '1,')}1]}`,
			'a long subject': (size) => `{"keys":[{"subject":"${'\u0301'.repeat(size / 2 - 20)}"}]}`,
			'a long time': (size) => `{"keys":[{"expiresAt":"2027-01-31T00:00:00.${'0'.repeat(size - 60)}Z"}]}`,
			'names that nobody knows': (size) => `{${repeated(size - 8, (i) => `"k${i}":1,`)}"z":1}`,
		},
	}));

const POD = '---\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n  - name: app\n';

// Files of users, with all pods of a cluster: the time is proportional to the length, but the limit is
// larger.
describe('what `envtier explain` reads', () =>
	testHostile({
		limit: 48 * 1024,
		most: 500,
		parse: (text) => readDocuments(text, 'a'),
		texts: {
			pods: (size) => repeated(size, () => POD),
			keys: (size) => `kind: Pod\n${repeated(size, (i) => `k${i}: 1\n`)}`,
			items: (size) => `kind: PodList\nitems: [${repeated(size, () => '1,')}]`,
			dashes: (size) => '-\n'.repeat(size / 2),
			'empty documents': (size) => '---\n'.repeat(size / 4),
			aliases: (size) => `kind: Pod\na: &a 1\nb:\n${repeated(Math.min(size, 4_900), () => '- *a\n')}`,
			'more aliases than are taken': (size) =>
				`kind: Pod\na: &a 1\nb:\n${repeated(size / 2, () => '- *a\n')}`,
			'anchors and their aliases': (size) =>
				`kind: Pod\nb:\n${repeated(Math.min(size, 6_000), (i) => `- &a${i} 1\n- *a${i}\n`)}`,
			'maps merged': (size) =>
				`kind: Pod\na: &a {c: 1}\nb:\n${repeated(Math.min(size, 10_000), () => '- {<<: *a}\n')}`,
			'lists as keys': (size) => `kind: Pod\nb:\n${repeated(size, (i) => ` ? [k${i}]\n : 1\n`)}`,
		},
	}));

describe('the settings that `envtier explain` reads', () =>
	testHostile({
		limit: 128 * 1024,
		parse: (text) => parseSettingsFile(text, 'a'),
		texts: {
			'a ConfigMap': (size) =>
				`kind: ConfigMap\ndata:\n${repeated(Math.min(size, 30_000), (i) => ` k${i}: a\n`)}`,
			'names and values': (size) => repeated(size, (i) => `A${i}=1\n`),
			'blanks before a bracket': (size) => ' '.repeat(size),
			'lines of blanks': (size) => ' \n'.repeat(size / 2),
			'empty lines': (size) => '\n'.repeat(size),
			'quotes that open': (size) => repeated(size, () => 'A="\n'),
		},
	}));
