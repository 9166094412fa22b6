import { describe, expect, test } from 'vitest';
import { description } from '../../api/schemas/common.ts';
import { certificatesIn } from '../../cli/doctor/certificate.ts';
import { parseEnvFile } from '../../cli/remote/env-file.ts';
import { type SetupOptions, setupProblem } from '../../cli/vault/options.ts';
import { deploymentRole } from '../../cli/vault/plan.ts';
import { composeOrder, parseTemplate } from '../../contract/compose.ts';
import { parseCaBundle } from '../../contract/pem.ts';
import { readable } from '../../pki/bundle.ts';
import { parseBundle } from '../../webhook/certificates/bundle.ts';
import { makeAuthority } from '../support/tls.ts';
import { repeated, testHostile } from './cpu.ts';

const MIB = 1024 * 1024;
const { certPem } = await makeAuthority();

describe('a .env file', () =>
	testHostile({
		limit: MIB,
		parse: parseEnvFile,
		texts: {
			variables: (size) => repeated(Math.min(size, 36_000), (i) => `A${i}=\n`),
			'more variables than are taken': (size) => repeated(size, (i) => `A${i}=1\n`),
			'one variable again and again': (size) => repeated(size, () => 'A=1\n'),
			'quotes that open': (size) => repeated(size, () => 'A="\n'),
			'a quote over all lines': (size) => `A="${'\n'.repeat(size - 4)}"`,
			'quotes and more text': (size) => repeated(size, () => "A=''b\n"),
			'one long value': (size) => `A=${'x'.repeat(size - 2)}`,
			'one long name': (size) => 'A'.repeat(size),
			blanks: (size) => ' '.repeat(size),
			'blanks before a name': (size) => `${' '.repeat(size - 3)}A=1`,
			'blanks between a name and nothing': (size) => `A${' '.repeat(size - 1)}`,
			'blanks after a quote': (size) => `A="b"${' '.repeat(size - 6)}c`,
			'empty lines': (size) => '\n'.repeat(size),
			comments: (size) => '#\n'.repeat(size / 2),
			backslashes: (size) => `A="${'\\'.repeat(size - 4)}"`,
			'the word export': (size) => repeated(size, () => 'export '),
		},
	}));

const PEM_TEXTS: Readonly<Record<string, (size: number) => string>> = {
	certificates: (size) => repeated(size, () => certPem),
	'certificates without line breaks': (size) => repeated(size, () => certPem.replaceAll('\n', '')),
	'the line that begins one': (size) => repeated(size, () => '-----BEGIN CERTIFICATE-----\n'),
	'the line that ends one': (size) => repeated(size, () => '-----END CERTIFICATE-----\n'),
	'empty blocks': (size) => repeated(size, () => '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'),
	'wrong certificates': (size) =>
		repeated(size, () => '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n'),
	'one block of base64': (size) =>
		`-----BEGIN CERTIFICATE-----\n${'A'.repeat(size - 60)}\n-----END CERTIFICATE-----\n`,
	'base64 of all': (size) => 'LS0tLS1CRUdJTi'.repeat(size / 14),
	dashes: (size) => '-'.repeat(size),
	blanks: (size) => ' '.repeat(size),
};

describe('PEM text in a setting', () => testHostile({ limit: MIB, parse: parseCaBundle, texts: PEM_TEXTS }));
describe('the bundle of the webhook', () =>
	testHostile({ limit: 64 * 1024, parse: parseBundle, texts: PEM_TEXTS }));
// Both read what is in the cluster, where an object has less than 1.5 MiB and a caBundle is base64.
describe('the bundle of a webhook configuration', () =>
	testHostile({ limit: MIB, parse: readable, texts: PEM_TEXTS }));
describe('the bundle that doctor reads', () =>
	testHostile({ limit: MIB, parse: certificatesIn, texts: PEM_TEXTS }));

describe('a template of a composed value', () =>
	testHostile({
		limit: 64 * 1024,
		parse: parseTemplate,
		texts: {
			references: (size) => '${A}'.repeat(size / 4),
			'references with an encoder': (size) => '${A:url}'.repeat(size / 8),
			'references without an end': (size) => '${A'.repeat(size / 3),
			'references with colons': (size) => `\${A${':'.repeat(size - 4)}}`,
			dollars: (size) => '$'.repeat(size),
			'an error at the end': (size) => `${'é'.repeat(size - 1)}$`,
			'a long key': (size) => `\${${'A'.repeat(size - 3)}}`,
			'plain text': (size) => 'a'.repeat(size),
		},
	}));

describe('composed values that refer to one another', () =>
	testHostile({
		// A pod's annotations hold no more of them.
		limit: 950,
		parse: (text) => {
			const count = text.length;
			const templates = new Map(
				Array.from(
					{ length: count },
					(_, i) => [`K${i}`, [{ key: `K${i + 1}`, encoder: undefined }]] as const,
				),
			);
			return composeOrder(templates);
		},
		texts: { 'a chain': (size) => 'x'.repeat(size) },
	}));

describe('a description, which becomes custom metadata', () =>
	testHostile({
		limit: MIB,
		parse: (text) => description.safeParse(text),
		texts: {
			letters: (size) => 'a'.repeat(size),
			'letters of many bytes': (size) => '\u{1f600}'.repeat(size / 4),
			'marks that combine': (size) => '\u0301'.repeat(size / 2),
			'a control character at the end': (size) => `${' '.repeat(size - 1)}\u0007`,
		},
	}));

/**
 * As `envtier vault setup` with the maximum number of names on a command line; Linux takes 2 MiB of
 * arguments.
 */
function planOfNames(text: string): unknown {
	const names = text.split(' ');
	const options: SetupOptions = {
		...{ audience: 'vault', kv: 'secret', transit: 'transit', role: 'web', deployment: 'shop' },
		...{ namespace: names, serviceAccount: names, service: names, sealed: true },
		lease: [],
		type: 'kubernetes',
		kvVersion: '2',
	};
	return setupProblem(options) ?? deploymentRole(options, 'auth_kubernetes_1');
}

describe('the policies of Vault, filled with names', () =>
	testHostile({
		limit: MIB,
		parse: planOfNames,
		texts: {
			'long names': (size) => repeated(size, (i) => `${'n'.repeat(50)}${i} `).trim(),
			'placeholders as names': (size) => repeated(size, () => '@ORG@ ').trim(),
			'dots in a name': (size) => 'a.'.repeat(size / 2),
			'dashes in a name': (size) => `a${'-'.repeat(size - 1)}`,
			'quotes in a name': (size) => '"'.repeat(size),
		},
	}));

test.for<readonly [string, (count: number) => { ok: boolean; error?: unknown }, number, RegExp]>([
	[
		'bytes of a .env file',
		(count) => parseEnvFile(`A=${'x'.repeat(count - 2)}`),
		MIB,
		/larger than 1048576 bytes/,
	],
	[
		'variables of a .env file',
		(count) => parseEnvFile(Array.from({ length: count }, (_, i) => `A${i}=1`).join('\n')),
		5_000,
		/more than 5000 variables/,
	],
	[
		'characters of a template',
		(count) => parseTemplate(`\${A}${'x'.repeat(count - 4)}`),
		64 * 1024,
		/at most 65536 characters/,
	],
	[
		'characters of PEM text',
		(count) => parseCaBundle(certPem + ' '.repeat(count - certPem.length)),
		MIB,
		/at most 1048576 characters/,
	],
])('as many %s as are allowed are read, more are refused', ([, parse, most, sentence]) => {
	expect(parse(most).ok).toBe(true);
	expect(JSON.stringify(parse(most + 1))).toMatch(sentence);
});
