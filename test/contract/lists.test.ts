import { describe, expect, test } from 'vitest';
import { FORMATS, parseFormats } from '../../contract/formats.ts';
import { isKey, parseKeys } from '../../contract/keys.ts';
import { parseTiers, TIERS, tierPath } from '../../contract/tiers.ts';

const good = <T>(value: T): unknown => ({ ok: true, value });
const bad = (error: string): unknown => ({ ok: false, error: expect.stringContaining(error) });

describe('keys', () => {
	test.for(['A', '_', 'a1', 'DATABASE_URL', '__proto__', 'PATH', `K${'_'.repeat(1000)}`])(
		'%s is one',
		(key) => expect(isKey(key)).toBe(true),
	);

	test.for<readonly [string, string]>([
		['nothing', ''],
		['a digit in front', '1A'],
		['a dot', 'my.secret'],
		['a hyphen', 'my-secret'],
		['an equals sign', 'A=B'],
		['a blank', 'A B'],
		['a line feed behind', 'A\n'],
		['a NUL', 'A\0'],
		['a letter outside ASCII', 'SCHLÜSSEL'],
		['a look-alike', 'Α'],
		['a shell substitution', '$(id)'],
		['the parent directory', '..'],
		['a path', 'a/b'],
	])('%s makes none', ([, key]) => expect(isKey(key)).toBe(false));
});

describe('lists of keys', () => {
	test.for<[string, string, unknown]>([
		['one key', 'A', good(['A'])],
		['several, blanks around them ignored', ' A ,B,\tC_3\n', good(['A', 'B', 'C_3'])],
		['keys that differ in case', 'a,A', good(['a', 'A'])],
		['the order stays', 'B,A', good(['B', 'A'])],
		['nothing', '', bad('letters, digits')],
		['blanks alone', '  ', bad('letters, digits')],
		['a comma behind', 'A,', bad('letters, digits')],
		['two commas in a row', 'A,,B', bad('letters, digits')],
		['another separator', 'A;B', bad('letters, digits')],
		['blanks between', 'A B', bad('letters, digits')],
		['a key twice', 'A, B, A', bad('named once')],
		['a path', 'A,../B', bad('letters, digits')],
	])('%s', ([, text, expected]) => expect(parseKeys(text)).toEqual(expected));
});

describe('lists of tiers', () => {
	test.for<[string, string, unknown]>([
		['each alone', 'org', good(['org'])],
		['all', 'org,deployment,service', good([...TIERS])],
		['in merge order, however they are written', 'service , org', good(['org', 'service'])],
		['nothing', '', bad('"org", "deployment", "service"')],
		['a comma behind', 'org,', bad('"org"')],
		['another name', 'org,team', bad('"org"')],
		['another case', 'Org', bad('"org"')],
		['a tier that pods never read', 'template', bad('"org"')],
		['one twice', 'org,org', bad('named once')],
		['a name that JavaScript gives every object', 'constructor', bad('"org"')],
	])('%s', ([, text, expected]) => expect(parseTiers(text)).toEqual(expected));
});

describe('lists of formats', () => {
	test.for<[string, string, unknown]>([
		['each alone', 'dotenv', good(['dotenv'])],
		['all, in the documented order', 'files,json,dotenv,shell', good([...FORMATS])],
		['none, when no file is wanted', ' none ', good([])],
		['nothing', '', bad('"shell", "dotenv", "json", "files"')],
		['none beside another', 'none,shell', bad('"none"')],
		['a format that does not exist', 'yaml', bad('"shell"')],
		['another case', 'JSON', bad('"shell"')],
		['one twice', 'json,json', bad('named once')],
		['a name that JavaScript gives every object', 'toString', bad('"shell"')],
	])('%s', ([, text, expected]) => expect(parseFormats(text)).toEqual(expected));
});

describe('the folder of a tier', () => {
	const scope = { org: 'acme', deployment: 'shop', service: 'web' };
	test.for<[string, (typeof TIERS)[number], typeof scope | object, string | undefined]>([
		['of an organization', 'org', scope, 'orgs/acme/secrets'],
		['of a deployment', 'deployment', scope, 'deployments/shop/secrets'],
		['of a service', 'service', scope, 'deployments/shop/services/web/secrets'],
		['is none without the organization', 'org', { deployment: 'shop' }, undefined],
		['is none without the deployment', 'deployment', { org: 'acme' }, undefined],
		['is none without the service', 'service', { deployment: 'shop' }, undefined],
		['is none for a service without its deployment', 'service', { service: 'web' }, undefined],
	])('%s', ([, tier, names, expected]) => expect(tierPath(tier, names)).toBe(expected));
});
