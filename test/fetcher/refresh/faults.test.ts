import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mountKv } from '../../support/openbao-setup.ts';
import { until } from '../../support/until.ts';
import { FAILING, startOwnVault } from './faults/failing.ts';
import { HEALING } from './faults/healing.ts';
import { type Ground, makeWorld, SOME_CHECKS, startGround } from './support/world.ts';

const FAILED = 'the check of the secrets failed, the files stay as they are';
const WARN = 40;
const FIRST = { LEVEL: 'service-1', OTHER: 'other-1' };

let ground: Ground;
beforeAll(async () => {
	ground = await startGround();
});
afterAll(() => ground[Symbol.asyncDispose]());

describe.each(Object.keys(FAILING))('%s', (heading) => {
	for (const { what, reason, message, bring, options, own, env = {}, after } of FAILING[heading] ?? []) {
		test.concurrent(`${what}: keeps the files, says so once as ${reason}, and goes on afterwards`, async () => {
			const vault = own === true ? await startOwnVault() : undefined;
			const mount = options?.mount;
			if (vault !== undefined && mount !== undefined) await mountKv(vault, mount, 2);
			const world = await makeWorld(ground, { ...options, ...(vault === undefined ? {} : { vault }) });
			try {
				await world.fetch();
				expect(world.files()).toEqual(FIRST);
				await world.put('OTHER', 'other-2');
				const heal = await bring(world);
				await world.start({ env });
				await until('two failed checks', () => world.logged(FAILED).length >= 2, SOME_CHECKS);
				expect(world.files()).toEqual(FIRST);
				const [warning, ...more] = world.logged(FAILED);
				expect({ ...warning }).toMatchObject({ level: WARN, reason, failures: 1 });
				expect(warning?.msg).toMatch(message);
				expect(more.filter(({ level }) => level === WARN)).toEqual([]);
				await heal();
				await world.untilFiles(after ?? { LEVEL: 'service-1', OTHER: 'other-2' });
				await until('the end of it in the log', () => world.logged('succeeded again')[0], SOME_CHECKS);
			} finally {
				await world[Symbol.asyncDispose]();
				await vault?.[Symbol.asyncDispose]();
			}
		}, 240_000);
	}
});

describe.each(Object.keys(HEALING))('%s', (heading) => {
	for (const { what, pod, log, options, root, run } of HEALING[heading] ?? []) {
		const skip = root === true && process.getuid?.() !== 0;
		test.concurrent(`${what}: pod: ${pod}; log: ${log}`, { skip, timeout: 240_000 }, async () => {
			await using world = await makeWorld(ground, options);
			await world.fetch();
			await run(world);
		});
	}
});

/** As docs/refreshing.md has it. */
const rows = [
	'| what happens | the pod sees | the log says |',
	'| --- | --- | --- |',
	...Object.values(FAILING)
		.flat()
		.map(({ what, reason }) => `| ${what} | the files stay | a warning, once: \`${reason}\` |`),
	...Object.values(HEALING)
		.flat()
		.map(({ what, pod, log }) => `| ${what} | ${pod} | ${log} |`),
];

test('the table in docs/refreshing.md says what these tests show', () => {
	const file = join(import.meta.dirname, '../../../docs/refreshing.md');
	const page = readFileSync(file, 'utf8');
	const begin = '<!-- faults of the sidecar: written by UPDATE=1 vitest run test/fetcher/refresh/faults -->';
	const end = '<!-- end -->';
	const [before = '', rest = ''] = page.split(begin);
	const [told = '', after = ''] = rest.split(end);
	const text = `\n\n${rows.join('\n')}\n\n`;
	// How wide columns are is the formatter's business.
	const narrow = (wide: string): string => wide.replace(/ +/g, ' ').replace(/-{3,}/g, '---');
	if (process.env['UPDATE'] === '1') writeFileSync(file, [before, begin, text, end, after].join(''));
	else expect(narrow(told)).toBe(narrow(text));
});
