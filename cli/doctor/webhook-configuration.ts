import type { V1MutatingWebhook, V1RuleWithOperations } from '@kubernetes/client-node';
import { webhookCondition } from '../../policy/objects.ts';
import { WEBHOOK_CONFIGURATION } from '../webhook-configuration.ts';
import { bad, type Check, good, warn } from './check.ts';

const APPLY = 'apply the webhook configuration as it ships (deploy/manifests, or the chart)';

/**
 * Checks the webhook configuration. Each important part is a check of its own.
 *
 * @param namespace the namespace of the pods
 */
export function webhookConfigurationChecks(webhook: V1MutatingWebhook, namespace: string): readonly Check[] {
	return [
		rules(webhook),
		matchConditions(webhook),
		failurePolicy(webhook),
		namespaces(webhook, namespace),
		objects(webhook),
		calling(webhook),
	].filter((check) => check !== undefined);
}

const has = (list: readonly string[] | undefined, value: string): boolean =>
	list?.some((item) => item === value || item === '*') ?? false;

function seesPods(rule: V1RuleWithOperations): boolean {
	return (
		has(rule.apiGroups, '') &&
		has(rule.apiVersions, 'v1') &&
		has(rule.operations, 'CREATE') &&
		(has(rule.resources, 'pods') || has(rule.resources, '*/*')) &&
		rule.scope !== 'Cluster'
	);
}

function rules({ rules = [] }: V1MutatingWebhook): Check {
	const id = 'webhook-configuration-rules';
	if (!rules.some(seesPods))
		return bad(
			id,
			'no rule shows the webhook the creation of pods: they start without their secrets',
			`${APPLY}; its rule is CREATE of pods`,
		);
	const { operations, resources } = WEBHOOK_CONFIGURATION.rule;
	const only = (list: readonly string[] | undefined, values: readonly string[]): boolean =>
		list?.every((item) => values.includes(item)) ?? true;
	const more = rules.some((rule) => !only(rule.operations, operations) || !only(rule.resources, resources));
	if (!more && rules.length === 1) return good(id, 'the webhook is called for the creation of pods');
	return warn(
		id,
		'the webhook is called for more than the creation of pods: it never changes anything else, but an outage blocks it',
		APPLY,
	);
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

function matchConditions({ matchConditions = [] }: V1MutatingWebhook): Check {
	const id = 'webhook-configuration-match-conditions';
	if (matchConditions.length === 0)
		return bad(
			id,
			'there are no matchConditions: while the webhook is away, no pod at all can be created',
			APPLY,
		);
	const shipped = new Set(WEBHOOK_CONFIGURATION.matchConditions.map(({ expression }) => oneLine(expression)));
	// The condition about the policy has its own check.
	const ours = matchConditions.filter(({ name }) => name !== webhookCondition().name);
	const others = ours.filter(({ expression }) => !shipped.has(oneLine(expression)));
	const missing = ours.length - others.length < shipped.size;
	if (!missing && others.length === 0)
		return good(id, 'only pods with an annotation under envtier.dev/ are sent to the webhook');
	const names = others.map(({ name }) => `"${name}"`).join(', ');
	return warn(
		id,
		missing
			? `matchConditions are not as shipped: ${names} stand in the place of "${WEBHOOK_CONFIGURATION.matchConditions[0].name}"`
			: `matchConditions besides the shipped one: ${names}; a pod that fails one starts without its secrets`,
		APPLY,
	);
}

function failurePolicy({ failurePolicy }: V1MutatingWebhook): Check {
	const id = 'webhook-configuration-failure-policy';
	if (failurePolicy === WEBHOOK_CONFIGURATION.failurePolicy)
		return good(id, 'failurePolicy Fail: no pod that asks for secrets starts without them');
	return bad(
		id,
		`failurePolicy is ${failurePolicy ?? 'unset'}: while the webhook is away, pods start without their secrets`,
		'set failurePolicy to Fail; the matchConditions keep it from touching other pods',
	);
}

function namespaces({ namespaceSelector }: V1MutatingWebhook, namespace: string): Check {
	const id = 'webhook-configuration-namespaces';
	const expressions = namespaceSelector?.matchExpressions ?? [];
	const excluded = new Set(
		expressions
			.filter(({ key, operator }) => key === 'kubernetes.io/metadata.name' && operator === 'NotIn')
			.flatMap(({ values = [] }) => values),
	);
	if (excluded.has(namespace))
		return bad(
			id,
			`namespace ${namespace} is excluded: its pods start without their secrets, whatever their annotations say`,
			'run them in another namespace; --namespace says which one to look at',
		);
	const missing = WEBHOOK_CONFIGURATION.excludedNamespaces.filter((name) => !excluded.has(name));
	if (missing.length > 0)
		return warn(
			id,
			`the namespaceSelector does not exclude ${missing.join(', ')}: an outage of the webhook reaches system pods that carry an annotation`,
			APPLY,
		);
	const narrower = expressions.length > 1 || Object.keys(namespaceSelector?.matchLabels ?? {}).length > 0;
	if (!narrower) return good(id, 'every namespace but those of the system is served');
	return warn(
		id,
		'the namespaceSelector narrows which namespaces are served: pods elsewhere start without their secrets, whatever they say',
		'make sure that this is meant, or apply the webhook configuration as it ships',
	);
}

function objects({ objectSelector }: V1MutatingWebhook): Check | undefined {
	const labels = Object.keys(objectSelector?.matchLabels ?? {});
	const expressions = objectSelector?.matchExpressions ?? [];
	if (labels.length + expressions.length === 0) return undefined;
	return warn(
		'webhook-configuration-objects',
		'an objectSelector narrows which pods are shown to the webhook: others start without their secrets, whatever they say',
		APPLY,
	);
}

function calling({ sideEffects, timeoutSeconds, reinvocationPolicy }: V1MutatingWebhook): Check {
	const id = 'webhook-configuration-call';
	if (sideEffects !== WEBHOOK_CONFIGURATION.sideEffects)
		return warn(id, `sideEffects is ${sideEffects}, but for dry runs alone the webhook has none`, APPLY);
	if (reinvocationPolicy !== WEBHOOK_CONFIGURATION.reinvocationPolicy)
		return warn(
			id,
			`reinvocationPolicy is ${reinvocationPolicy ?? 'unset'}: containers that later webhooks add get no secrets checked`,
			APPLY,
		);
	if (timeoutSeconds !== WEBHOOK_CONFIGURATION.timeoutSeconds)
		return warn(
			id,
			`timeoutSeconds is ${timeoutSeconds}, not ${WEBHOOK_CONFIGURATION.timeoutSeconds}: too short refuses pods under load, too long holds up whoever creates them`,
			APPLY,
		);
	return good(id, 'asked again when later webhooks change the pod; dry runs work; 5 s to answer');
}
