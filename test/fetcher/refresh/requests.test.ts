import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SHORTEST_PAUSE, watchRequests } from '../../../fetcher/refresh/requests.ts';

let dir: string;
let file: string;
beforeEach(() => {
	dir = mkdtempSync(join(tmpdir(), 'envtier-requests-'));
	file = join(dir, 'refresh-requested');
	vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
});
afterEach(() => {
	vi.useRealTimers();
	rmSync(dir, { recursive: true });
});

/** The requests of a watcher, as they come. */
function collect(served = '', path = file) {
	const requests = watchRequests({ file: path, served });
	const seen: string[] = [];
	const listen = (): void =>
		void requests.next().then(({ request }) => {
			seen.push(request);
			listen();
		});
	listen();
	/** Lets so much time pass. */
	const pass = async (ms: number): Promise<readonly string[]> => {
		await vi.advanceTimersByTimeAsync(ms);
		return seen;
	};
	return { requests, pass };
}

test('a request comes when the text of the file changes, once', async () => {
	writeFileSync(file, '');
	const { requests, pass } = collect();
	expect(await pass(60_000)).toEqual([]);
	writeFileSync(file, 'one');
	expect(await pass(5_000)).toEqual(['one']);
	expect(await pass(60_000)).toEqual(['one']);
	requests.close();
	writeFileSync(file, 'two');
	expect(await pass(60_000)).toEqual(['one']);
});

test('a hundred requests within the pause become one, with the last text', async () => {
	const { requests, pass } = collect();
	writeFileSync(file, 'first');
	await pass(5_000);
	for (let i = 1; i <= 100; i += 1) {
		writeFileSync(file, `number ${i}`);
		await pass(SHORTEST_PAUSE / 200);
	}
	expect(await pass(SHORTEST_PAUSE)).toEqual(['first', 'number 100']);
	requests.close();
});

test('a new text at each look causes at most one check in ten seconds', async () => {
	const { requests, pass } = collect();
	for (let i = 0; i < 720; i += 1) {
		writeFileSync(file, `number ${i}`);
		await pass(5_000);
	}
	expect((await pass(0)).length).toBeLessThanOrEqual(3_600_000 / SHORTEST_PAUSE);
	requests.close();
});

test('a request that was served before a restart does not come again', async () => {
	writeFileSync(file, 'one');
	const { requests, pass } = collect('one');
	expect(await pass(60_000)).toEqual([]);
	requests.close();
});

const TEXTS: readonly (readonly [string, () => void, readonly string[]])[] = [
	['longer than 64 bytes is ignored', () => writeFileSync(file, 'x'.repeat(65)), []],
	['of 64 bytes is taken', () => writeFileSync(file, 'x'.repeat(64)), ['x'.repeat(64)]],
	['of a file that is not there is none', () => undefined, []],
	['of a directory is none', () => mkdirSync(file), []],
];

test.each(TEXTS)('a text %s', async (_what, make, expected) => {
	make();
	const { requests, pass } = collect();
	expect(await pass(30_000)).toEqual(expected);
	requests.close();
});

test('without a file there are no requests', async () => {
	const requests = watchRequests({ file: undefined, served: '' });
	const seen: string[] = [];
	void requests.next().then(({ request }) => void seen.push(request));
	await vi.advanceTimersByTimeAsync(60_000);
	expect(seen).toEqual([]);
	requests.close();
});
