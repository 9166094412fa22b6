import { describe, expect, test } from 'vitest';
import { paced } from '../../controller/repeat.ts';

describe('steps that begin at least 100 ms apart', () => {
	const paces = (...took: readonly number[]): readonly number[] => {
		let now = 0;
		const wait = paced(100, () => now);
		return took.map((time) => {
			const pause = wait();
			now += pause + time;
			return pause;
		});
	};
	test.each<[string, readonly number[], readonly number[]]>([
		['the first one begins at once', [0], [0]],
		['the time of a step is part of its pause', [30, 99, 0], [0, 70, 1]],
		['a step that takes longer is followed at once', [250, 0], [0, 0]],
		['what a long step missed is not caught up', [1_000, 10, 10], [0, 0, 90]],
	])('%s', (_, took, pauses) => {
		expect(paces(...took)).toEqual(pauses);
	});
});
