import { expect, test } from 'vitest';

test('passes', () => expect(1).toBe(1));
test.skip('is skipped', () => undefined);
test.runIf(process.env['FIXTURE_FAILS'] === 'yes')('fails', () => expect(1).toBe(2));
