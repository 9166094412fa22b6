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

/** Runs of one measurement: as many as `fewest`, and up to `most` while the result is too high. */
const RUNS = { fewest: 5, most: 20 };

/**
 * Milliseconds of CPU, the minimum of several runs: the first ones include compilation, and a machine may be
 * busy.
 *
 * @param enough ends the runs
 */
async function cpuOf(work: () => unknown, enough = Number.POSITIVE_INFINITY): Promise<number> {
	let least = Number.POSITIVE_INFINITY;
	for (let run = 0; run < RUNS.fewest || (run < RUNS.most && least >= enough); run += 1) {
		const before = process.threadCpuUsage();
		await work();
		const { user, system } = process.threadCpuUsage(before);
		least = Math.min(least, (user + system) / 1000);
	}
	return least;
}

/** Work on text that takes a known time: these milliseconds on a machine for which the limits hold. */
const REFERENCE = { text: 'A line of text that is split, and joined again.\n'.repeat(20_000), ms: 10 };

/**
 * How much slower the machine is now. Two threads of one core take more CPU time each, and so does a slow
 * processor.
 */
async function slowness(): Promise<number> {
	const work = (): number =>
		REFERENCE.text
			.split('\n')
			.map((line) => line.replace(/[aeiou]/g, '_'))
			.join('\n').length;
	return Math.max(1, (await cpuOf(work)) / REFERENCE.ms);
}

/**
 * One test for each text: at the limit it takes less than 100 ms of CPU, and half of it at least a third of
 * that.
 */
export function testHostile({ limit, parse, texts, most = MOST }: HostileTable): void {
	test.for(Object.entries(texts))('%s', async ([, make]) => {
		const [whole, half] = [make(limit), make(limit / 2)];
		const atLimit = await cpuOf(() => parse(whole), most);
		const allowed = atLimit < most ? most : most * (await slowness());
		expect(atLimit, 'ms of CPU at the limit').toBeLessThan(allowed);
		// Proportional to the length, but for what is too short to be measured.
		const proportional = 3 * (await cpuOf(() => parse(half))) + 15;
		expect(
			atLimit < proportional ? atLimit : await cpuOf(() => parse(whole), proportional),
			'ms of CPU at the limit, after half of it',
		).toBeLessThan(proportional);
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
