import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderNative } from '../../fetcher/render/native.ts';
import { buildKubeletHelper } from '../support/kubernetes/go-helper.ts';
import { runProcess } from '../support/process.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { anyEntries, EVERY_BYTE } from './support/values.ts';

type Entries = readonly { readonly key: string; readonly value: string }[];

let place: Scratch;
let parser: string;

beforeAll(async () => {
	place = await scratch('native');
	parser = await buildKubeletHelper('parse-env', place.dir);
}, 600_000);
afterAll(() => place.remove());

/** What the kubelet reads from each text. */
async function kubeletReads(texts: readonly { readonly text: string; readonly keys: readonly string[] }[]) {
	const asked = texts.map(({ text, keys }, i) => {
		const file = join(place.dir, `env-${i}`);
		writeFileSync(file, text);
		return JSON.stringify({ file, keys });
	});
	const { stdout, code, stderr } = await runProcess({ command: parser, input: `${asked.join('\n')}\n` });
	if (code !== 0) throw new Error(stderr);
	const lines = stdout.split('\n').filter((line) => line !== '');
	return lines.map((line) => JSON.parse(line) as readonly string[] | { readonly error: string });
}

/** The entries that the format takes, with their text. */
function render(entries: Entries): { readonly text: string; readonly taken: Entries } {
	const taken = entries.filter((entry) => renderNative([entry]).ok);
	const rendered = renderNative(taken);
	return { text: rendered.ok ? rendered.value : '', taken };
}

test('the kubelet reads back every value that is not refused', async () => {
	const cases = fc.sample(anyEntries, 400).map(render);
	const extremes = [
		EVERY_BYTE.replace("'", ''),
		'x'.repeat(65_535 - "KEY=''".length),
		`${'x'.repeat(65_000)}\n${'y'.repeat(65_000)}`,
		'\n',
		'a\rb\r',
		'# no comment',
		'B=x',
	].map((value) => render([{ key: 'KEY', value }]));
	const all = [...cases, ...extremes];
	expect(extremes.map(({ taken }) => taken.length)).toEqual(extremes.map(() => 1));
	expect(all.flatMap(({ taken }) => taken).length).toBeGreaterThan(500);
	const read = await kubeletReads(
		all.map(({ text, taken }) => ({ text, keys: taken.map(({ key }) => key) })),
	);
	for (const [i, { taken }] of all.entries()) expect(read[i]).toEqual(taken.map(({ value }) => value));
});

test('the kubelet misreads or rejects every value that is refused', async () => {
	const values = ["it's", 'a\r\nb', 'x'.repeat(65_536 - "KEY=''".length), `a\n${'x'.repeat(65_536)}`];
	for (const value of values) expect(render([{ key: 'KEY', value }]).taken).toEqual([]);
	const texts = values.map((value) => ({ text: `KEY='${value}'\nNEXT='x'\n`, keys: ['KEY', 'NEXT'] }));
	for (const [i, read] of (await kubeletReads(texts)).entries()) expect(read).not.toEqual([values[i], 'x']);
});
