import { expect, test } from 'vitest';
import { repeated } from '../parsers/cpu.ts';
import { caller, startApi } from './support/api.ts';

const alice = caller('user:alice');
const KIB = 1024;
const YAML = { 'content-type': 'application/yaml' };

test.for<readonly [string, string, Readonly<Record<string, string>>, number, string]>([
	[
		'YAML of 1 MiB of keys',
		repeated(1024 * KIB - 10, (i) => `k${i}: 1\n`),
		YAML,
		413,
		'a body of YAML must not be larger',
	],
	['YAML of 120 KiB of keys', repeated(120 * KIB, (i) => `k${i}: 1\n`), YAML, 400, 'more than 20000 tokens'],
	['YAML of nested keys', '? '.repeat(60 * KIB), YAML, 400, 'nested deeper than 50 levels'],
	['JSON of 1 MiB of brackets', '['.repeat(1024 * KIB), {}, 400, 'nested deeper than 100 levels'],
	['JSON of 1 MiB of items', `[${'1,'.repeat(500 * KIB)}1]`, {}, 400, 'more than 20000 names and values'],
	[
		'JSON of 100 unknown fields',
		`{${repeated(1200, (i) => `"k${i}":1,`)}"z":1}`,
		{},
		400,
		'unknown field "k0", "k1"',
	],
])('%s is refused, and other callers are answered meanwhile', async ([, body, headers, status, sentence]) => {
	await using api = await startApi({ callers: [alice] });
	const sent = api.send('POST', '/api/templates', {
		as: alice,
		body,
		headers: { 'content-type': 'application/json', ...headers },
	});
	expect((await api.send('GET', '/healthz')).status).toBe(200);
	const answer = await sent;
	expect([answer.status, answer.text]).toEqual([
		status,
		expect.stringContaining(sentence.replaceAll('"', '\\"')),
	]);
	expect(answer.text.length).toBeLessThan(500);
});
