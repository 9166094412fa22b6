/** Lists that are loaded in parts: what one load takes at most. */
import { describe, expect, test } from 'vitest';
import { countText, gather, NOTHING } from '../../../ui/state/pages.ts';

/** A list of pages with these numbers of entries, and the pages that were read. */
function listOf(sizes: readonly number[]) {
	const reads: string[] = [];
	const read = (page: string) => {
		reads.push(page);
		const index = page === '' ? 0 : Number(page);
		const value = Array.from({ length: sizes[index] ?? 0 }, (_, at) => `${index}.${at}`);
		const next = index + 1 < sizes.length ? String(index + 1) : undefined;
		return Promise.resolve({ ok: true, value, next } as const);
	};
	return { read, reads };
}

describe('gathering pages', () => {
	test.each([
		['all of a short list', [3, 2], { entries: 10, requests: 10 }, 5, undefined],
		['a bound of entries that a page reaches exactly', [5, 5, 5], { entries: 10, requests: 10 }, 10, '2'],
		['a page is taken whole', [5, 7, 5], { entries: 10, requests: 10 }, 12, '2'],
		['a bound of requests, with pages that hold little', [0, 1, 0, 9], { entries: 10, requests: 3 }, 1, '3'],
		['an empty list', [0], { entries: 10, requests: 10 }, 0, undefined],
	])('%s', async (_sentence, sizes, bound, count, next) => {
		const { read } = listOf(sizes);
		const gathered = await gather<string, never>(read, NOTHING, bound);
		expect(gathered).toMatchObject({ ok: true, value: { next } });
		expect(gathered.ok && gathered.value.entries.length).toBe(count);
	});

	test('goes on after what is held, and reads nothing twice', async () => {
		const { read, reads } = listOf([5, 5, 5, 5]);
		const bound = { entries: 8, requests: 10 };
		const counts: number[] = [];
		const first = await gather<string, never>(read, NOTHING, bound);
		if (!first.ok) throw new Error('the list has no failure');
		const second = await gather<string, never>(read, first.value, bound, (count) => counts.push(count));
		expect(reads).toEqual(['', '1', '2', '3']);
		expect(counts).toEqual([15, 20]);
		expect(second.ok && new Set(second.value.entries).size).toBe(20);
	});

	test('a page that fails ends it with its failure', async () => {
		const failure = { message: 'no' };
		const gathered = await gather(() => Promise.resolve({ ok: false, failure } as const), NOTHING, {
			entries: 1,
			requests: 1,
		});
		expect(gathered).toEqual({ ok: false, failure });
	});
});

test.each([
	[0, false, '0 secrets'],
	[1, false, '1 secret'],
	[2_000, true, '2,000 secrets so far'],
])('%i secrets, more: %s', (count, more, text) => {
	expect(countText(count, more, 'secret')).toBe(text);
});
