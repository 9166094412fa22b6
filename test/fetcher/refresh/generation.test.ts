import { mkdirSync, readdirSync, readFileSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isCurrent, writeGeneration } from '../../../fetcher/refresh/generation.ts';
import type { OutputFile } from '../../../fetcher/render/render.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';

const outputs = (value: string, keys: readonly string[] = ['A', 'B']): OutputFile[] => [
	{ path: 'env', content: `export A='${value}'\n` },
	{ path: 'files', content: new Map(keys.map((key) => [key, value])) },
];

let place: Scratch;
let out: string;
beforeEach(async () => {
	place = await scratch('generation');
	out = join(place.dir, 'out');
	mkdirSync(out);
});
afterEach(() => place.remove());

const generations = () => readdirSync(out).filter((name) => name.startsWith('..envtier-generation-'));

describe('a generation', () => {
	test('is read through links that stay the same', () => {
		writeGeneration(out, outputs('one'));
		const [env, files] = [readlinkSync(join(out, 'env')), readlinkSync(join(out, 'files'))];
		writeGeneration(out, outputs('two'));
		expect([readlinkSync(join(out, 'env')), readlinkSync(join(out, 'files'))]).toEqual([env, files]);
		expect(readFileSync(join(out, 'env'), 'utf8')).toContain('two');
		expect(readFileSync(join(out, 'files/A'), 'utf8')).toBe('two');
	});

	test('stays readable as a whole for a reader that holds its directory, until the one after the next', () => {
		writeGeneration(out, outputs('one'));
		const held = realpathSync(join(out, '..data'));
		writeGeneration(out, outputs('two'));
		expect(readFileSync(join(held, 'env'), 'utf8')).toContain('one');
		expect(readFileSync(join(held, 'files/B'), 'utf8')).toBe('one');
		writeGeneration(out, outputs('three'));
		expect(generations()).toHaveLength(2);
	});

	test('loses a file whose key has gone', () => {
		writeGeneration(out, outputs('one'));
		writeGeneration(out, outputs('two', ['A']));
		expect(readdirSync(join(out, 'files'))).toEqual(['A']);
	});

	test('is compared byte for byte, names included', () => {
		writeGeneration(out, outputs('one'));
		expect(isCurrent(out, outputs('one'))).toBe(true);
		expect(isCurrent(out, outputs('two'))).toBe(false);
		expect(isCurrent(out, outputs('one', ['A']))).toBe(false);
		expect(isCurrent(out, outputs('one', ['A', 'B', 'C']))).toBe(false);
		expect(isCurrent(join(place.dir), outputs('one'))).toBe(false);
	});

	test('replaces what a run left that was killed', () => {
		mkdirSync(join(out, '..envtier-generation-1-2'));
		writeFileSync(join(out, '..envtier-generation-1-2', 'env'), 'half');
		writeGeneration(out, outputs('one'));
		expect(generations()).toHaveLength(1);
	});

	test('is not written over a file that somebody else made, and changes nothing then', () => {
		writeFileSync(join(out, 'env'), 'mine');
		expect(() => writeGeneration(out, outputs('one'))).toThrow(/env is in the way/);
		expect(readFileSync(join(out, 'env'), 'utf8')).toBe('mine');
		expect(generations()).toEqual([]);
	});
});
