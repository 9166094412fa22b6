import { describe, expect, test } from 'vitest';
import { CODE_VARIABLES } from '../../contract/code-variables.ts';
import { parseFormats } from '../../contract/formats.ts';
import { codeVariables } from '../../fetcher/code-variables.ts';
import { select } from '../../fetcher/select.ts';
import type { Secret } from '../../fetcher/tiers.ts';

const NAMES = CODE_VARIABLES.flatMap(({ names }) => names);
const secret = (key: string, origin: Secret['origin'] = 'deployment'): Secret => ({
	key,
	origin,
	value: 'x',
});

function told(
	secrets: readonly Secret[],
	formats: string,
	{ allow = [], prefix }: { allow?: readonly string[]; prefix?: readonly [string, string] } = {},
): readonly string[] {
	const parsed = parseFormats(formats);
	if (!parsed.ok) throw new Error(parsed.error);
	const prefixes = prefix === undefined ? [] : [{ name: prefix[0], source: prefix[1] }];
	const given = select(secrets, prefix === undefined ? undefined : { keys: [], prefixes });
	return codeVariables(given.secrets, { formats: parsed.value, allow });
}

describe('a secret that would become a variable by which programs run code', () => {
	test.each(['shell', 'dotenv', 'json,shell', 'files,dotenv'])('is told of in the formats %s', (formats) => {
		const sentences = told(
			NAMES.map((name) => secret(name)),
			formats,
		);
		expect(sentences).toHaveLength(NAMES.length);
		for (const [i, name] of NAMES.entries()) expect(sentences[i]).toMatch(`${name} of the deployment tier `);
	});

	test.each(['json', 'files', 'files,json', 'none'])('is free in the formats %s', (formats) =>
		expect(
			told(
				NAMES.map((name) => secret(name)),
				formats,
			),
		).toEqual([]),
	);

	test('is free where the pod allows it, and only that one', () =>
		expect(
			told([secret('LD_PRELOAD'), secret('NODE_OPTIONS')], 'shell', { allow: ['NODE_OPTIONS'] }),
		).toEqual([
			'LD_PRELOAD of the deployment tier makes the dynamic loader load other libraries (format shell)',
		]));

	test('is judged by the name that the container sees', () => {
		const secrets = [secret('APP_PATH'), secret('APP_NAME')];
		expect(told(secrets, 'shell', { prefix: ['', 'APP_'] })).toEqual([
			'APP_PATH of the deployment tier becomes PATH, which says where programs are searched for (format shell)',
		]);
		expect(told([secret('NODE_OPTIONS')], 'shell', { prefix: ['APP_', 'NODE_'] })).toEqual([]);
	});

	test('counts when it is composed or sealed, too', () =>
		expect(told([secret('IFS', 'composed'), secret('PS4', 'sealed')], 'dotenv')).toEqual([
			expect.stringMatching(/^IFS \(composed\) makes shells run commands/),
			expect.stringMatching(/^PS4 \(sealed\) makes shells run commands/),
		]));

	test('stays free under names that applications use', () =>
		expect(told([secret('ENV'), secret('HOME'), secret('LD_SDK_KEY')], 'shell,dotenv')).toEqual([]));
});
