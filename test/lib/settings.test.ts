import { expect, test } from 'vitest';
import { wholeNumber } from '../../contract/values.ts';
import { anyText, flag, listenAddress } from '../../lib/settings/parsers.ts';
import { fromEnvironment, settingsReader } from '../../lib/settings/reader.ts';

const VARIABLES = {
	COUNT: { meaning: 'how many', default: '3' },
	NAME: { meaning: 'the name of it' },
};

const readerOf = (env: Readonly<Record<string, string | undefined>>) =>
	settingsReader(VARIABLES, fromEnvironment(env));

test('a variable overrides its default; an empty one counts as unset', () => {
	expect(readerOf({ COUNT: '7' }).required('COUNT', wholeNumber(1, 9))).toBe(7);
	for (const env of [{}, { COUNT: '' }, { COUNT: undefined }])
		expect(readerOf(env).required('COUNT', wholeNumber(1, 9))).toBe(3);
});

test('an optional variable that is not set is no problem; a required one without a default is', () => {
	const reader = readerOf({});
	expect(reader.optional('NAME', anyText)).toBeUndefined();
	expect(reader.problems).toEqual([]);
	reader.required('NAME', anyText);
	expect(reader.problems).toEqual(['NAME is not set: the name of it']);
});

test('all problems are collected, by the name under which the text was found, without the value', () => {
	const reader = settingsReader(VARIABLES, (name) => ({ text: 'not-a-real-secret', name: `file.${name}` }));
	reader.optional('COUNT', wholeNumber(1, 9));
	reader.optional('NAME', flag);
	reader.parse({ text: 'not-a-real-secret', name: 'NAME_2' }, flag);
	expect(reader.problems).toEqual([
		'file.COUNT must be a whole number from 1 to 9',
		'file.NAME must be one of true, false',
		'NAME_2 must be one of true, false',
	]);
});

test.for<readonly [string, { host: string; port: number } | undefined]>([
	['127.0.0.1:8443', { host: '127.0.0.1', port: 8443 }],
	[':8443', { host: '', port: 8443 }],
	['[::1]:0', { host: '::1', port: 0 }],
	['::1:8443', undefined],
	['127.0.0.1:65536', undefined],
	['127.0.0.1', undefined],
])('address to listen on: %s', ([text, expected]) => {
	const parsed = listenAddress('0.0.0.0:1')(text);
	expect(parsed.ok ? parsed.value : undefined).toEqual(expected);
});
