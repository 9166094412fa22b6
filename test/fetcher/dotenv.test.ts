import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { misreadersOf, renderDotenv } from '../../fetcher/render/dotenv.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import {
	containerReaders,
	DOTENV,
	type EnvReader,
	NODE_VERSIONS,
	nodeReader,
	OWN_NODE,
	pythonReader,
	readTexts,
	systemdReader,
} from './support/env-readers.ts';
import { anyValue } from './support/values.ts';

type Entries = readonly { readonly key: string; readonly value: string }[];

const asObject = (entries: Entries) => Object.fromEntries(entries.map(({ key, value }) => [key, value]));

/** The entries that the format takes, with their text. */
function render(entries: Entries): { readonly text: string; readonly taken: Entries } {
	const taken = entries.filter((entry) => renderDotenv([entry]).ok);
	const rendered = renderDotenv(taken);
	return { text: rendered.ok ? rendered.value : '', taken };
}

const lineOf = (value: string): string => render([{ key: 'K', value }]).text;

let place: Scratch;
beforeAll(async () => {
	place = await scratch('dotenv');
});
afterAll(() => place.remove());

const PEM = '-----BEGIN PRIVATE KEY-----\nMIGHAgEA+/=\n-----END PRIVATE KEY-----\n';

test.each<readonly [string, string, string]>([
	['letters, digits and signs that mean nothing', 'postgres://db:5432/shop', 'K=postgres://db:5432/shop\n'],
	['a blank', 'a b', "K='a b'\n"],
	['double quotes and a dollar', '"5" $HOME', `K='"5" $HOME'\n`],
	['a backslash', 'C:\\new', "K='C:\\new'\n"],
	['a comment sign', 'a # b', "K='a # b'\n"],
	['a single quote', "it's", 'K="it\'s"\n'],
	['a single quote and a backtick', "it's `x`", 'K="it\'s `x`"\n'],
	['a text of several lines', PEM, `K="${PEM.replaceAll('\n', '\\n')}"\n`],
	['a backslash at the end', 'C:\\data\\', 'K=C:\\data\\\n'],
	['two kinds of quotes', `it's "x"`, `K=it's "x"\n`],
	['all three quotes', `x'\`"`, `K=x'\`"\n`],
	['JSON of several lines', '{\n  "a": 1\n}', `K='{\n  "a": 1\n}'\n`],
	['two kinds of quotes and a comment sign', `it's "#1"`, `K=\`it's "#1"\`\n`],
	['nothing', '', "K=''\n"],
])('%s', (_what, value, line) => expect(lineOf(value)).toBe(line));

test.each<readonly [string, string, RegExp]>([
	['a NUL', 'a\0', /NUL byte/],
	['a carriage return', 'a\rb', /carriage return/],
	['all three quotes and a newline', `x'"\`\n`, /no \.env file can/],
	['all three quotes and a comment sign', `x'"\`#`, /no \.env file can/],
	['all three quotes, one of them first', `'"\``, /no \.env file can/],
	['all three quotes and a blank at the end', `x'"\` `, /no \.env file can/],
	['two newlines with a backslash at the end', 'a\n"\n\\', /no \.env file can/],
])('%s is refused, naming the key', (_what, value, why) => {
	const rendered = renderDotenv([
		{ key: 'K', value },
		{ key: 'L', value: 'x' },
	]);
	expect(rendered.ok ? [] : rendered.error).toEqual([{ key: 'K', why: expect.stringMatching(why) }]);
});

/** Several values in one file, as many as go into the environment of a process. */
const anyFile: fc.Arbitrary<Entries> = fc
	.array(anyValue, { minLength: 30, maxLength: 60 })
	.map((values) => values.map((value, i) => ({ key: `KEY_${i}`, value })));

/** Files in which every value is one that a reader is meant for. */
const filesFor = (isFor: (value: string) => boolean): fc.Arbitrary<Entries> =>
	anyFile.map((entries) =>
		entries.filter(({ value }) => renderDotenv([{ key: 'K', value }]).ok && isFor(value)),
	);

/** Checks that a reader gives back all values that it is meant for. */
async function givesBack(
	reader: EnvReader,
	isFor: (value: string) => boolean,
	numRuns: number,
	least = 10,
): Promise<void> {
	let seen = 0;
	await fc.assert(
		fc.asyncProperty(filesFor(isFor), async (entries) => {
			const { text, taken } = render(entries);
			seen += taken.length;
			expect(await readTexts(reader, place.dir, [text])).toEqual([asObject(taken)]);
		}),
		{ numRuns },
	);
	// A filter that lets nothing through would prove nothing.
	expect(seen).toBeGreaterThan(least * numRuns);
}

const all = (): boolean => true;
const isOneLine = (value: string): boolean => !value.includes('\n');
const isReadBy = (reader: string) => (value: string) => !misreadersOf(value).some((name) => name === reader);
const PROCESSES = 12;

describe('every value that is not refused comes out of', () => {
	const current = DOTENV.filter(({ name }) => Number(/\d+/.exec(name)?.[0]) >= 16);
	test.each([OWN_NODE, ...current])('$name', (reader) => givesBack(reader, all, 150));

	test.each(NODE_VERSIONS.filter((version) => version !== '20.9.0'))(
		'Node.js %s',
		async (version) => givesBack(await nodeReader(version), all, PROCESSES),
		300_000,
	);
});

describe('every value but those that the table in docs/consuming-secrets.md leaves out comes out of', () => {
	test(
		'Node.js 20.9, which reads no value of several lines',
		async () => givesBack(await nodeReader('20.9.0'), isOneLine, PROCESSES),
		300_000,
	);

	const old = DOTENV.filter(({ name }) => Number(/\d+/.exec(name)?.[0]) < 16);
	test.each(old)('$name', (reader) => givesBack(reader, isReadBy('dotenv before 16'), 150));

	test('python-dotenv', async ({ skip }) => {
		const reader = await pythonReader();
		if (reader === undefined) return skip('no python3');
		await givesBack(reader, isReadBy('python-dotenv'), PROCESSES);
	}, 300_000);

	test('docker and podman, which know no quotes', async () => {
		for (const reader of await containerReaders(place.dir)) {
			await givesBack(reader, (value) => lineOf(value) === `K=${value}\n`, PROCESSES, 1);
			// What is quoted arrives with its quotes: this format is not for these readers.
			expect(await readTexts(reader, place.dir, [lineOf('a b')])).toEqual([{ K: "'a b'" }]);
		}
	}, 600_000);

	test('systemd, which takes backslashes outside of single quotes for escapes', async ({ skip }) => {
		const reader = systemdReader();
		if (reader === undefined) return skip('no systemd');
		const isForSystemd = (value: string): boolean => {
			const line = lineOf(value);
			const escapes = /^K=['`]/.test(line) ? false : line.includes('\\');
			return !escapes && !line.startsWith('K=`') && !/\p{Noncharacter_Code_Point}/u.test(value);
		};
		await givesBack(reader, isForSystemd, PROCESSES);
		expect(await readTexts(reader, place.dir, [lineOf(PEM)])).not.toEqual([{ K: PEM }]);
	}, 300_000);
});

test.each([
	["it's", []],
	[PEM, []],
	['C:\\data\\', []],
	['{\n  "a": 1\n}', ['dotenv before 16']],
	[`it's "#1"`, ['dotenv before 16', 'python-dotenv']],
	["`\\\n'", ['dotenv before 16']],
	['\\\\server\\share', []],
	['\\\\server\\share#1', ['python-dotenv']],
	['', []],
	['a\r', []],
])('%j is misread by %j', (value, readers) => expect(misreadersOf(value)).toEqual(readers));

test('readers misread the values that the warning names', async ({ skip }) => {
	const python = await pythonReader();
	if (python === undefined) return skip('no python3');
	const [dotenv14] = DOTENV.filter(({ name }) => name === 'dotenv 14');
	const misread = async (reader: EnvReader | undefined, value: string) =>
		reader !== undefined && (await readTexts(reader, place.dir, [lineOf(value)]))[0]?.['K'] !== value;
	expect(await misread(dotenv14, '{\n  "a": 1\n}')).toBe(true);
	expect(await misread(python, `it's "#1"`)).toBe(true);
});

test('no form can hold a refused value', () => {
	const readers = [OWN_NODE, ...DOTENV.filter(({ name }) => /1[678]/.test(name))];
	return fc.assert(
		fc.asyncProperty(anyValue, async (value) => {
			// Node 22.0 takes a backslash before the closing quote for an escape.
			if (renderDotenv([{ key: 'K', value }]).ok || /[\0\r]|\\$/.test(value)) return;
			for (const mark of ["'", '"', '`']) {
				const text = `K=${mark}${value}${mark}\nL='x'\n`;
				const found = await Promise.all(readers.map(async (reader) => (await reader.read([], [text]))[0]));
				const same = found.every(
					(one) => one?.['K'] === value && one['L'] === 'x' && Object.keys(one).length === 2,
				);
				expect({ value, mark, same }).toEqual({ value, mark, same: false });
			}
		}),
		{ numRuns: 20_000 },
	);
});
