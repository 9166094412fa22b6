import { describe, expect, test } from 'vitest';
import { NAME_RULE, parseName, parseRole, ROLE_RULE } from '../../contract/names.ts';

const LABEL = 'a'.repeat(63);
const LONGEST = `${LABEL}.${LABEL}.${LABEL}.${'a'.repeat(61)}`;

/** Texts that must never become a part of a Vault path. */
const NEVER: readonly (readonly [string, string])[] = [
	['nothing at all', ''],
	['a blank', ' '],
	['a blank at the end', 'shop '],
	['a slash', 'shop/web'],
	['the parent directory', '..'],
	['a climb', '../../orgs/acme'],
	['a climb in the middle', 'a/../b'],
	['an escaped slash', 'shop%2Fweb'],
	['an escaped dot', '%2e%2e'],
	['a backslash', 'shop\\web'],
	['a query', 'shop?list=true'],
	['a fragment', 'shop#x'],
	['a line feed at the end', 'shop\n'],
	['a line feed in the middle', 'shop\nweb'],
	['a carriage return', 'shop\r'],
	['a NUL', 'shop\0'],
	['an escape sequence', '\u001b[31mshop'],
	['a reference to a variable', '$(ENVTIER_VAULT_ADDR)'],
	['a command', '$(id)'],
	['a backquote', '`id`'],
	['a placeholder', '{serviceAccount}'],
	['a template', '{{identity.entity.id}}'],
	['a look-alike letter', 'sh\u043ep'],
	['a full-width letter', 'ｓhop'],
	['a look-alike slash', 'shop\u2215web'],
	['a soft hyphen', 'sh\u00adop'],
	['a right-to-left override', 'shop\u202e'],
	['a byte order mark', '\ufeffshop'],
	['a lone surrogate', 'shop\ud800'],
	['an emoji', '🦊'],
	['256 KiB', 'a'.repeat(256 * 1024)],
	['256 KiB of dots', '.'.repeat(256 * 1024)],
];

describe('names of organizations, deployments, services and templates', () => {
	test.for<readonly [string, string]>([
		['one letter', 'a'],
		['one digit', '7'],
		['a label', 'shop-eu-west-1'],
		['a subdomain', 'shop.eu-west.example.com'],
		['a label of 63', LABEL],
		['a name of 253', LONGEST],
		['a name that other programs take for a flag', 'a--b'],
		['a name that JavaScript knows', 'constructor'],
	])('%s is a name', ([, text]) => expect(parseName(text)).toEqual({ ok: true, value: text }));

	test.for<readonly [string, string]>([
		...NEVER,
		['an upper-case letter', 'Shop'],
		['an underscore', 'my_shop'],
		['a hyphen in front', '-shop'],
		['a hyphen behind', 'shop-'],
		['a dot in front', '.shop'],
		['a dot behind', 'shop.'],
		['two dots in a row', 'shop..web'],
		['a hyphen beside a dot', 'shop-.web'],
		['a label of 64', 'a'.repeat(64)],
		['a name of 254', `${LONGEST}a`],
		['a name that JavaScript gives every object', '__proto__'],
	])('%s is none', ([, text]) => expect(parseName(text)).toEqual({ ok: false, error: NAME_RULE }));
});

describe('names of Vault roles', () => {
	test.for<readonly [string, string]>([
		['one letter', 'a'],
		['letters of both cases', 'ShopWeb'],
		['all signs that are allowed', 'shop_web-1.v2'],
		['a name of 253', 'r'.repeat(253)],
		['dots in a row, which make no path segment of their own', 'a..b'],
	])('%s is one', ([, text]) => expect(parseRole(text)).toEqual({ ok: true, value: text }));

	test.for<readonly [string, string]>([
		...NEVER,
		['a hyphen in front', '-role'],
		['a dot in front', '.role'],
		['an underscore in front', '_role'],
		['a name of 254', 'r'.repeat(254)],
	])('%s is none', ([, text]) => expect(parseRole(text)).toEqual({ ok: false, error: ROLE_RULE }));
});
