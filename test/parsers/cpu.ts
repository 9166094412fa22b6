import { expect, test } from 'vitest';

/** A parser of untrusted input, with texts that take as much time as possible. */
export interface HostileTable {
	/** The longest text that it takes, in bytes. */
	readonly limit: number;
	/** Refusing is as good as reading. It may give a promise. */
	readonly parse: (text: string) => unknown;
	/** Milliseconds of CPU for one text at the limit, 100 unless given. */
	readonly most?: number;
	/** Each gives a text of about `size` bytes. */
	readonly texts: Readonly<Record<string, (size: number) => string>>;
}

/** Milliseconds of CPU for one text at the limit of a parser of text from outside. */
const MOST = 100;

/**
 * Milliseconds of CPU, the minimum of several runs: the first ones include compilation, and a machine may be
 * busy.
 */
async function cpuOf(work: () => unknown): Promise<number> {
	let least = Number.POSITIVE_INFINITY;
	for (let run = 0; run < 5; run += 1) {
		const before = process.threadCpuUsage();
		await work();
		const { user, system } = process.threadCpuUsage(before);
		least = Math.min(least, (user + system) / 1000);
	}
	return least;
}

/**
 * One test for each text: at the limit it takes less than 100 ms of CPU, and half of it at least a third of
 * that.
 */
export function testHostile({ limit, parse, texts, most = MOST }: HostileTable): void {
	test.for(Object.entries(texts))('%s', async ([, make]) => {
		const [whole, half] = [make(limit), make(limit / 2)];
		const atLimit = await cpuOf(() => parse(whole));
		expect(atLimit, 'ms of CPU at the limit').toBeLessThan(most);
		// Proportional to the length, but for what is too short to be measured.
		expect(atLimit, 'ms of CPU at the limit, after half of it').toBeLessThan(
			3 * (await cpuOf(() => parse(half))) + 15,
		);
	});
}

/** `make(0)`, `make(1)`, … one after the other, `size` characters at most. */
export function repeated(size: number, make: (index: number) => string): string {
	const parts: string[] = [];
	for (let length = 0, index = 0; ; index += 1) {
		const part = make(index);
		length += part.length;
		if (length > size) return parts.join('');
		parts.push(part);
	}
}
