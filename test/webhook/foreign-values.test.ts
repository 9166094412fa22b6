import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTemplate, parseTemplateVariable, templateVariable } from '../../contract/compose.ts';
import { parseSealed, sealedVariable } from '../../contract/sealed.ts';
import { admit } from '../../webhook/admission/admit.ts';
import { readSettings } from '../../webhook/settings.ts';
import { askingPods } from './support/arbitrary-pods.ts';
import { podOf } from './support/pods.ts';
import { applied, request } from './support/request.ts';
import { settings } from './support/settings.ts';

/** What Bank-Vaults' webhook takes for its own in a variable: at the beginning, or anywhere inside "${…}". */
const TAKEN = /^(?:>>)?(?:vault|bao):|\$\{(?:>>)?(?:vault|bao):/;

const valuesOf = (pod: unknown, env = {}): string[] => {
	const decision = admit(request(pod), settings({ ENVTIER_NATIVE_ENV: 'true', ...env }).injection);
	if (decision.kind !== 'inject') return [];
	const inits = applied(pod, decision).spec?.initContainers ?? [];
	return inits
		.filter(({ name }) => name.startsWith('envtier-fetch'))
		.flatMap(({ env: variables = [] }) => variables.map(({ value = '' }) => value));
};

describe('no value of a fetcher’s variable is taken for a reference by another tool’s webhook', () => {
	test('whatever a pod asks for', () => {
		fc.assert(
			fc.property(askingPods, (pod) => {
				for (const value of valuesOf(pod)) expect(value).not.toMatch(TAKEN);
			}),
			{ numRuns: 150 },
		);
	});

	test.for([
		['a sealed value', { 'sealed.TOKEN': 'vault:v1:AAAA' }],
		['a sealed value with its scope', { 'sealed.TOKEN': 'cluster:vault:v1:AAAA' }],
		['a template', { 'compose.URL': 'vault:${A}' }],
		['a template for later', { 'compose.URL': '>>vault:${A}' }],
		['a template with the name of OpenBao', { 'compose.URL': 'bao:${A}' }],
		['a template that begins like our mark', { 'compose.URL': 'template:vault:${A}' }],
	] as const)('%s', ([, asks]) => {
		const values = valuesOf(podOf({ deployment: 'shop', ...asks }));
		expect(values.length).toBeGreaterThan(10);
		for (const value of values) expect(value).not.toMatch(TAKEN);
	});

	test.for(['${vault:url}', 'x${A}$${vault:secret/data/a#b}'])(
		'a template with a reference inside is refused: %s',
		(text) => {
			const pod = podOf({ deployment: 'shop', 'compose.URL': text });
			expect(admit(request(pod), settings().injection)).toMatchObject({ reason: 'bad-annotation' });
		},
	);

	test.for([
		'VAULT_ADDR',
		'VAULT_NAMESPACE',
		'VAULT_AUTH_MOUNT',
		'VAULT_KV_MOUNT',
		'VAULT_CA',
		'DEFAULT_ORG',
		'DEFAULT_ROLE',
	])('ENVTIER_%s cannot begin so', (name) => {
		const read = readSettings({
			ENVTIER_VAULT_ADDR: 'https://vault',
			ENVTIER_FETCHER_IMAGE: 'fetcher:1',
			[`ENVTIER_${name}`]: 'vault:secret/data/x',
		});
		expect(read.ok).toBe(false);
	});
});

test('the fetcher reads what the webhook writes', () => {
	const texts = fc.oneof(
		fc.constantFrom('vault:${A}', 'template:${A}', 'template:vault:${A}', '>>bao:${A:url}', '${A}'),
		fc.string().map((text) => `${text.replaceAll('$', '$$$$')}\${A}`),
	);
	fc.assert(
		fc.property(texts, (text) => {
			expect(parseTemplateVariable(templateVariable(text))).toEqual(parseTemplate(text));
		}),
	);
	for (const text of ['vault:v1:AAAA', 'namespace:vault:v1:AAAA', 'cluster:vault:v1:AAAA']) {
		const sealed = parseSealed(text);
		if (!sealed.ok) throw new Error(sealed.error);
		expect(parseSealed(sealedVariable(sealed.value))).toEqual(sealed);
	}
});
