import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { REGISTRATION } from '../../cli/registration.ts';

test('the command knows the registration as it ships', async () => {
	const file = join(import.meta.dirname, '../../deploy/manifests/base/registration.yaml');
	const [shipped, ...others] = parse(await readFile(file, 'utf8')).webhooks;
	expect(others).toEqual([]);
	const { name, rules, namespaceSelector, admissionReviewVersions, clientConfig: _where, ...rest } = shipped;
	expect(admissionReviewVersions).toEqual(['v1']);
	expect(namespaceSelector.matchExpressions).toHaveLength(1);
	expect({
		webhook: name,
		excludedNamespaces: namespaceSelector.matchExpressions[0].values,
		rule: rules[0],
		...rest,
	}).toEqual(REGISTRATION);
	expect(namespaceSelector.matchExpressions[0]).toMatchObject({
		key: 'kubernetes.io/metadata.name',
		operator: 'NotIn',
	});
});
