import { stringify } from 'yaml';
import { type Placement, policyObjects, refusals, webhookCondition } from './objects.ts';

const HEAD =
	'# Made by "envtier policy" from the tables that the webhook decides by; a test compares. Do not edit.\n';

/** Objects as YAML documents. */
export function yamlOf(objects: readonly object[]): string {
	return objects.map((each) => stringify(each, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n');
}

/** Names and namespaces in the shipped manifests. */
export const SHIPPED: Placement = {
	excludedNamespaces: ['kube-system', 'kube-public', 'kube-node-lease', 'envtier-system'],
	settings: { namespace: 'envtier-system', name: 'envtier-settings' },
};

/** A JSON Patch of the webhook configuration. With it the webhook skips plain pods. */
export function webhookPatch(): readonly object[] {
	return [{ op: 'add', path: '/webhooks/0/matchConditions/-', value: webhookCondition() }];
}

/** A JSON Patch of the policy that requires injection. With it the policy refuses pods that are not plain. */
export function refusalPatch(): readonly object[] {
	const { variables, validations } = refusals();
	return [
		...variables.map((value) => ({ op: 'add', path: '/spec/variables/-', value })),
		...validations.map((value, i) => ({ op: 'add', path: `/spec/validations/${i}`, value })),
	];
}

/** The generated files, by their path in the repository. */
export function generatedFiles(): ReadonlyMap<string, string> {
	return new Map([
		['deploy/manifests/components/policy/policy.yaml', HEAD + yamlOf(policyObjects(SHIPPED))],
		['deploy/manifests/components/policy/webhook-configuration.yaml', HEAD + yamlOf([webhookPatch()])],
		['deploy/manifests/components/policy-alone/refusals.yaml', HEAD + yamlOf([refusalPatch()])],
	]);
}
