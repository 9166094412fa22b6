import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import {
	EPHEMERAL_POLICY,
	INJECTION_POLICY,
	WEBHOOK_CONFIGURATION,
} from '../../cli/webhook-configuration.ts';

test('the command knows the webhook configuration as it ships', async () => {
	const file = join(import.meta.dirname, '../../deploy/manifests/base/webhook-configuration.yaml');
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
	}).toEqual(WEBHOOK_CONFIGURATION);
	expect(namespaceSelector.matchExpressions[0]).toMatchObject({
		key: 'kubernetes.io/metadata.name',
		operator: 'NotIn',
	});
});

test.each([
	['require-injection.yaml', INJECTION_POLICY],
	['ephemeral-containers.yaml', EPHEMERAL_POLICY],
])('the command knows the policy of %s as it ships', async (name, policy) => {
	const file = join(import.meta.dirname, '../../deploy/manifests/base', name);
	const shipped = parseAllDocuments(await readFile(file, 'utf8')).map((document) => document.toJS());
	expect(shipped.map(({ kind, metadata }) => [kind, metadata.name])).toEqual([
		['ValidatingAdmissionPolicy', policy],
		['ValidatingAdmissionPolicyBinding', policy],
	]);
});
