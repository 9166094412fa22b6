import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCaBundle, parseCertificates } from '../../contract/pem.ts';
import { makeAuthority } from '../support/tls.ts';

const one = (await makeAuthority('One')).certPem;
const two = (await makeAuthority('Two')).certPem;

const refused = (text: string): string => {
	const parsed = parseCaBundle(text);
	if (parsed.ok) throw new Error('it was accepted');
	return parsed.error;
};

describe('what people make of a bundle is understood', () => {
	test.for<readonly [string, string]>([
		['the blocks as they should be', one + two],
		['joined without a line break, as cat does without a last one', one.trim() + two.trim()],
		['line breaks of Windows', (one + two).replaceAll('\n', '\r\n')],
		['a byte order mark', `\uFEFF${one}${two}`],
		['line breaks that YAML folded into spaces', (one + two).replaceAll('\n', ' ')],
		['text around the blocks', `# ours\n${one}# theirs\n\n${two}# the end`],
		['indented', (one + two).replaceAll('\n', '\n    ')],
	])('%s', ([, text]) => {
		expect(parseCaBundle(text)).toEqual({ ok: true, value: one + two });
	});
});

test.for<readonly [string, string, string]>([
	['nothing', '', 'PEM text of certificates'],
	['a file’s name', '/etc/ssl/ca.pem', 'PEM text of certificates'],
	[
		'base64 of PEM, as it stands in a caBundle',
		Buffer.from(one).toString('base64'),
		'this is base64 of PEM text',
	],
	[
		'the same in lines',
		Buffer.from(one).toString('base64').replace(/.{76}/g, '$&\n'),
		'this is base64 of PEM text',
	],
	[
		'base64 of DER',
		one.split('\n').slice(1, -2).join('\n'),
		'without the lines "-----BEGIN CERTIFICATE-----"',
	],
	['line breaks written as \\n', one.replaceAll('\n', '\\n'), 'this one has "\\n" in their place'],
	['a certificate cut short', one + two.slice(0, -40), 'each of them whole'],
	['one without its beginning', one.slice(30), 'PEM text of certificates'],
	[
		'a certificate with some characters lost',
		one + two.replace(/\n.{8}/, '\n'),
		'PEM block 2 of its 2 is none',
	],
	[
		'a private key',
		`${one}-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n`,
		'without a private key',
	],
	['a public key', '-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n', 'each of them whole'],
])('%s is refused and named', ([, text, error]) => {
	expect(refused(text)).toContain(error);
});

test('all blocks are returned in order, whatever text is between them', () => {
	const between = fc.stringMatching(/^[^-]*$/);
	fc.assert(
		fc.property(between, between, between, (a, b, c) => {
			expect(parseCertificates(a + one.trim() + b + two.trim() + c)).toEqual({ ok: true, value: [one, two] });
		}),
	);
});

test('a hostile text of a megabyte takes time in proportion to its length', () => {
	const texts = [
		'-----BEGIN CERTIFICATE-----',
		'-',
		'MII',
		'-----BEGIN CERTIFICATE-----\n ',
		' ',
		'LS0tLS1CRUdJTi',
	];
	for (const text of texts) {
		const long = text.repeat(2 ** 20 / text.length);
		const before = process.cpuUsage();
		parseCaBundle(long);
		parseCaBundle(`${long}-----END CERTIFICATE-----`);
		const { user, system } = process.cpuUsage(before);
		expect((user + system) / 1000, text).toBeLessThan(500);
	}
});
