import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { NET, REGISTRATION } from '../../cli/registration.ts';

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

test('the command knows the net as it ships', async () => {
	const file = join(import.meta.dirname, '../../deploy/manifests/base/net.yaml');
	const shipped = parseAllDocuments(await readFile(file, 'utf8')).map((document) => document.toJS());
	expect(shipped.map(({ kind, metadata }) => [kind, metadata.name])).toEqual([
		['ValidatingAdmissionPolicy', NET],
		['ValidatingAdmissionPolicyBinding', NET],
	]);
});
