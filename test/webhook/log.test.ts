import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import type { Logger } from 'pino';
import { describe, expect, test } from 'vitest';
import { openLog } from '../../webhook/log.ts';
import type { LogFormat } from '../../webhook/log-format.ts';
import { logDecision } from '../../webhook/server/decision-log.ts';
import { until } from '../support/until.ts';
import { request } from './support/request.ts';

/** A log into memory, on a terminal or not. */
function opened(format: LogFormat, isTTY: boolean, level = 'info') {
	const out = Object.assign(new PassThrough(), { isTTY });
	const log = openLog({ level, format, out });
	let text = '';
	out.on('data', (chunk) => {
		text += String(chunk);
	});
	return { log, written: () => until('a line', () => text) };
}

const say = (log: Logger): void => log.warn({ namespace: 'shop', message: 'as it is: "so"' }, 'refused');

describe('the log', () => {
	test.for([
		['auto', false],
		['json', false],
		['json', true],
	] as const)('in format %s, on a terminal: %s, is JSON', async ([format, isTTY]) => {
		const { log, written } = opened(format, isTTY);
		say(log);
		expect(JSON.parse(await written())).toMatchObject({ level: 40, msg: 'refused', namespace: 'shop' });
	});

	test.for([
		['auto', true],
		['text', false],
		['text', true],
	] as const)('in format %s, on a terminal: %s, is for people', async ([format, isTTY]) => {
		const { log, written } = opened(format, isTTY);
		say(log);
		const plain = stripVTControlCharacters(await written());
		expect(plain).toMatch(
			/^\d\d:\d\d:\d\d\.\d{3} WARN {2}refused namespace=shop message="as it is: \\"so\\""\n$/,
		);
	});

	test('has colours on a terminal alone', async () => {
		const [terminal, file] = [opened('text', true), opened('text', false)];
		for (const { log } of [terminal, file]) say(log);
		expect(await terminal.written()).toContain('\u001B[33mWARN ');
		expect(await file.written()).not.toContain('\u001B');
	});

	test('for people shows nothing that could turn a terminal upside down', async () => {
		const { log, written } = opened('text', true);
		log.info({ pod: 'a\u001B[2Jb\u202Ec\nd' }, 'skipped');
		const line = await written();
		const fields = line.slice(line.indexOf('skipped'));
		for (const control of ['\u001B', '\u202E']) expect(fields).not.toContain(control);
		expect(line.split('\n')).toHaveLength(2);
	});

	test('for people has the stack of a defect', async () => {
		const { log, written } = opened('text', false);
		log.error({ err: new Error('odd') }, 'a defect: the call failed');
		expect(await written()).toMatch(/ERROR a defect: the call failed\nError: odd\n {4}at /);
	});
});

describe('a decision', () => {
	const OWNED = {
		metadata: {
			generateName: 'web-abc-',
			ownerReferences: [
				{ apiVersion: 'v1', kind: 'Thing', name: 'no-controller', uid: '0' },
				{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-abc', uid: '1', controller: true },
			],
		},
	};

	test.for([
		['of a controller’s pod', OWNED, 'ReplicaSet/web-abc', 'web-abc-'],
		['of a pod of its own', { metadata: { name: 'web' } }, 'Pod/web', 'web'],
		[
			'of a pod with odd owners',
			{ metadata: { name: 'web', ownerReferences: [7, null, { controller: true }] } },
			'Pod/web',
			'web',
		],
	] as const)('%s leaves one line with what it takes to find it', async ([, pod, workload, name]) => {
		const { log, written } = opened('json', false, 'debug');
		logDecision(log, request(pod), { kind: 'skip', reason: 'opted-out' });
		const { uid, namespace } = request(pod);
		const which = { uid, namespace, workload, pod: name, dryRun: false };
		expect(JSON.parse(await written())).toMatchObject({
			level: 20,
			msg: 'skipped',
			...which,
			reason: 'opted-out',
		});
	});

	test.for([
		['skipped', 'debug', { kind: 'skip', reason: 'opted-out' }],
		['refused', 'warn', { kind: 'reject', reason: 'windows', message: 'no' }],
	] as const)('%s is written at level %s', async ([msg, level, decision]) => {
		const { log, written } = opened('json', false, level);
		logDecision(log, request(OWNED), decision);
		expect(JSON.parse(await written())).toMatchObject({ msg, reason: decision.reason });
	});
});
