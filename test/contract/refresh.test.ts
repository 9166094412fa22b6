import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EXIT_CODES } from '../../contract/exit-codes.ts';
import {
	onChangeText,
	parseOnChange,
	parseRefresh,
	parseSpread,
	RESTART_EXIT_CODE,
	SIGNALS,
} from '../../contract/refresh.ts';

describe('envtier.dev/refresh', () => {
	test.for<[string, string, number]>([
		['"true" means five minutes', 'true', 300],
		['"false" switches it off', 'false', 0],
		['the shortest period', '10s', 10],
		['the longest period', '24h', 86_400],
		['the longest period in minutes', '1440m', 86_400],
		['minutes', '5m', 300],
	])('%s', ([, text, seconds]) => expect(parseRefresh(text)).toEqual({ ok: true, value: seconds }));

	test.for([
		['below the shortest', '9s'],
		['above the longest', '25h'],
		['above the longest, in days', '2d'],
		['nothing', ''],
		['a number without a unit', '300'],
		['a fraction', '1.5h'],
		['a negative number', '-10s'],
		['capitals', 'TRUE'],
		['a blank behind it', '5m '],
		['several units', '1h30m'],
	] as const)('refuses %s', ([, text]) => {
		expect(parseRefresh(text).ok).toBe(false);
	});
});

describe('envtier.dev/spread', () => {
	test.for([
		['the shortest time', '10s', 10],
		['the longest time', '24h', 86_400],
	] as const)('%s', ([, text, seconds]) => expect(parseSpread(text)).toEqual({ ok: true, value: seconds }));

	test.for([
		['"true", for it is no time', 'true'],
		['below the shortest', '9s'],
		['above the longest', '25h'],
		['nothing', ''],
	] as const)('refuses %s', ([, text]) => expect(parseSpread(text).ok).toBe(false));
});

test('no failure of the fetcher has the exit code that restarts the pod', () => {
	expect(Object.values(EXIT_CODES).map(({ code }): number => code)).not.toContain(RESTART_EXIT_CODE);
});

describe('envtier.dev/on-change', () => {
	test.for([
		['nothing', 'none', { kind: 'none' }],
		['a restart', 'restart', { kind: 'restart' }],
		['a rollout', 'rollout', { kind: 'rollout' }],
		['a signal', 'signal:SIGHUP', { kind: 'signal', signal: 'SIGHUP' }],
		['a POST', 'http://localhost:8080/reload', { kind: 'post', port: 8080, path: '/reload' }],
		[
			'a POST with a query',
			'http://localhost:1/-/reload?a=b',
			{ kind: 'post', port: 1, path: '/-/reload?a=b' },
		],
		['a POST without a path', 'http://localhost:65535', { kind: 'post', port: 65_535, path: '/' }],
	] as const)('%s', ([, text, action]) => expect(parseOnChange(text)).toEqual({ ok: true, value: action }));

	test.for([
		['another host', 'http://example.com:80/'],
		['an address that is not the loopback', 'http://10.0.0.1:80/'],
		['a host behind a user', 'http://localhost:80@example.com/'],
		['a host that begins like it', 'http://localhost.example.com:80/'],
		['no port', 'http://localhost/reload'],
		['a port that is none', 'http://localhost:0/'],
		['a port above the last', 'http://localhost:65536/'],
		['https', 'https://localhost:443/'],
		['a line feed in the path', 'http://localhost:80/a\r\nHost: x'],
		['a blank in the path', 'http://localhost:80/a b'],
		['a path of 1,025 characters', `http://localhost:80/${'a'.repeat(1024)}`],
		['a signal that cannot be handled', 'signal:SIGKILL'],
		['a signal by its number', 'signal:1'],
		['a signal without SIG', 'signal:HUP'],
		['nothing at all', ''],
		['capitals', 'Restart'],
	] as const)('refuses %s', ([, text]) => expect(parseOnChange(text).ok).toBe(false));

	test('is unchanged after it is written and parsed', () => {
		const actions = fc.oneof(
			fc.constantFrom('none', 'restart', 'rollout', ...SIGNALS.map((signal) => `signal:${signal}`)),
			fc
				.tuple(fc.integer({ min: 1, max: 65_535 }), fc.stringMatching(/^\/[a-z0-9/-]{0,40}$/))
				.map(([port, path]) => `http://localhost:${port}${path}`),
		);
		fc.assert(
			fc.property(actions, (text) => {
				const read = parseOnChange(text);
				expect(read.ok && onChangeText(read.value)).toBe(text);
			}),
		);
	});
});
