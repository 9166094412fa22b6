import { expect, test } from 'vitest';

test('passes', () => expect(1).toBe(1));
test.skip('is skipped', () => undefined);
test.runIf(process.env['FIXTURE_FAILS'] === 'yes')('fails', () =>
	expect(1, `${'many lines\n'.repeat(100)}the end`).toBe(2),
);

let attempts = 0;
test
	.runIf(process.env['FIXTURE_REPEATS'] !== undefined)
	.each(Array.from({ length: Number(process.env['FIXTURE_REPEATS']) }, (_, index) => index))(
	'passes the second time %i',
	{ retry: 1 },
	() => {
		attempts += 1;
		expect(attempts % 2).toBe(0);
	},
);
