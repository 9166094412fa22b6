import { describe, expect, test } from 'vitest';
import { EXIT_CODES } from '../../contract/exit-codes.ts';
import { VARIABLES, type Variable } from '../../contract/variables.ts';

describe('exit codes', () => {
	const codes = Object.entries(EXIT_CODES);

	test('are distinct', () => {
		expect(new Set(codes.map(([, { code }]) => code)).size).toBe(codes.length);
	});

	test.for(codes.filter(([reason]) => !['ok', 'terminated'].includes(reason)))(
		'%s stays out of the way of Node and of shells, and says what to do',
		([, { code, meaning, cure }]) => {
			expect(code).toBeGreaterThanOrEqual(20);
			expect(code).toBeLessThan(126);
			expect(meaning).not.toBe('');
			expect(cure).not.toBe('');
		},
	);

	test('an end by SIGTERM is what a shell would report', () =>
		expect(EXIT_CODES.terminated.code).toBe(128 + 15));
});

describe('settings', () => {
	const variables: readonly [string, Variable][] = Object.entries(VARIABLES);

	test.for(variables)(
		'%s is explained, and has a default only where it may be missing',
		([name, variable]) => {
			expect(name).toMatch(/^ENVTIER_[A-Z]+(_[A-Z]+)*$/);
			expect(variable.meaning).not.toBe('');
			expect(variable.readBy.length).toBeGreaterThan(0);
			if (variable.required) expect(variable.default).toBeUndefined();
		},
	);
});
