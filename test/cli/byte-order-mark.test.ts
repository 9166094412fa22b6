/** Files from editors and shells that put a byte order mark before their text, or that are no UTF-8. */
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseEnvFile } from '../../cli/remote/env-file.ts';
import { makeAuthority } from '../support/tls.ts';
import { type Desk, openDesk } from './support/api.ts';
import { envtier } from './support/command.ts';
import { folderForTests, POD, REFUSED } from './support/explain.ts';

const MARK = '\ufeff';
const { dir, file } = folderForTests();
let desk: Desk;
beforeAll(async () => {
	desk = await openDesk('vault (a real OpenBao, the shipped policy)');
	await desk.run(['deployments', 'create', 'shop']);
});
afterAll(() => desk?.[Symbol.asyncDispose]());

/** What pods will read. */
const stored = async (key: string): Promise<unknown> => {
	const answer = await desk.bao?.request('GET', `secret/data/deployments/shop/secrets/${key}`);
	return (answer?.json as { data?: { data?: { value?: string } } } | undefined)?.data?.data?.value;
};

describe('a byte order mark is removed', () => {
	test('from a file of many secrets, also where two such files were joined', async () => {
		const path = await file('many.env', `${MARK}FIRST=1\n${MARK}SECOND='${MARK}kept\n${MARK}inside'\n`);
		const args = ['secrets', 'create', '-d', 'shop', '--from-env-file', path];
		const { code, stdout, stderr } = await desk.run(args);
		expect([code, stdout, stderr]).toEqual([
			0,
			'created FIRST\ncreated SECOND\n2 created in deployment shop\n',
			'',
		]);
		expect(await stored('FIRST')).toBe('1');
		expect(await stored('SECOND')).toBe(`${MARK}kept\n${MARK}inside`);
	});

	test('from a template, YAML or JSON', async () => {
		const yaml = await file('t.yaml', `${MARK}name: of-yaml\nservices: []\n`);
		const json = await file('t.json', `${MARK}${JSON.stringify({ name: 'of-json', services: [] })}`);
		for (const path of [yaml, json]) {
			const { code, stderr } = await desk.run(['templates', 'create', '--file', path]);
			expect([code, stderr]).toEqual([0, '']);
		}
	});

	test('from the file of a token and of a CA', async () => {
		const access = desk.access();
		const token = await file('token', `${MARK}${access['ENVTIER_API_TOKEN']}\n`);
		const ca = await file('ca.pem', `${MARK}${(await makeAuthority()).certPem}`);
		const env = { ENVTIER_API_TOKEN: '', ENVTIER_API_TOKEN_FILE: token, ENVTIER_API_CA: ca };
		const { code, stderr } = await desk.run(['secrets', 'list'], { env });
		expect([code, stderr]).toEqual([0, '']);
	});

	test('from a body sent to the API', async () => {
		for (const [name, type, body] of [
			['sent-yaml', 'application/yaml', `${MARK}name: sent-yaml\nservices: []\n`],
			['sent-json', 'application/json', `${MARK}${JSON.stringify({ name: 'sent-json', services: [] })}`],
		] as const) {
			const headers = { 'content-type': type };
			const made = await desk.api.send('POST', '/api/templates', { as: desk.alice, body, headers });
			expect([made.status, (made.json as { name: string }).name]).toEqual([201, name]);
		}
	});

	test('from pods and settings that explain reads, also where such files were joined', async () => {
		const pods = await file('pods.yaml', `${MARK}${POD}---\n${MARK}${REFUSED}`);
		const settings = await file('webhook.env', `${MARK}ENVTIER_DEFAULT_ORG=acme\n`);
		const ended = await envtier(['explain', pods, '--settings', settings, '-o', 'json']);
		const { objects } = JSON.parse(ended.stdout);
		expect(objects.map(({ decision }: { decision: string }) => decision)).toEqual(['inject', 'reject']);
		expect(objects[0].tiers).toContain('org');
	});
});

test('a value that is given byte for byte keeps its mark', async () => {
	const path = await file('value', `${MARK}value`);
	await desk.run(['secrets', 'set', 'EXACT', '-d', 'shop', '--from-file', path]);
	expect(await stored('EXACT')).toBe(`${MARK}value`);
});

describe('text that is no UTF-8 is refused, for replaced characters would make other values', () => {
	test.each([
		['Latin-1', Buffer.from('KEY=caf\u00e9\n', 'latin1'), 'is not UTF-8 text: save it as UTF-8'],
		['UTF-16', Buffer.from(`${MARK}KEY=value\n`, 'utf16le'), 'is UTF-16 text: save it as UTF-8'],
	])('%s', async (name, bytes, sentence) => {
		const path = `${dir()}/${name}.env`;
		await writeFile(path, bytes);
		for (const args of [
			['secrets', 'create', '-d', 'shop', '--from-env-file', path],
			['templates', 'create', '--file', path],
			['explain', path],
		]) {
			const { code, stdout, stderr } = await desk.run(args);
			expect([code, stdout]).toEqual([2, '']);
			expect(stderr).toContain(`${path} ${sentence}`);
		}
	});
});

test('a mark alone is nothing', () => {
	expect(parseEnvFile(MARK)).toEqual({ ok: false, error: ['it is empty'] });
});
