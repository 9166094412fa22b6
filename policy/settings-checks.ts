import {
	ANNOTATION_PREFIX,
	NAME_MAX,
	NAME_PATTERN,
	NAME_RULE,
	ORG_LABEL,
	ROLE_PATTERN,
	ROLE_RULE,
} from '../contract/names.ts';
import { literal, pattern } from './cel.ts';
import { has, items, NAMESPACE_LABEL, said } from './pod.ts';
import { setting } from './settings.ts';

/** A condition on a plain pod, the settings and its namespace. `message` is an expression. */
export interface Check {
	readonly topic: string;
	readonly holds: string;
	readonly message: string;
}

const mode = setting('ENVTIER_ORG_LABEL');
const enforced = `${mode} == 'enforce'`;
/** Whether the label of the namespace is used (`organizationOf`). */
const looksAtLabel = `(${enforced} || (${mode} == 'default' && !(${has('org')})))`;
const isName = (text: string): string =>
	`(${text}.size() <= ${NAME_MAX} && ${text}.matches(${pattern(NAME_PATTERN)}))`;
const quotedNamespace = `'"' + request.namespace + '"'`;

const wrongSetting = (name: string, rule: string): string =>
	literal(`Envtier’s settings are wrong (ConfigMap): ${name} must be ${rule}. Tell whoever runs the cluster`);

/**
 * Checks the settings whose errors would do harm, with the webhook's rules. The fetcher checks the settings
 * that it receives.
 */
const SETTINGS: readonly Check[] = [
	{
		topic: 'vault-address',
		holds: `${setting('ENVTIER_VAULT_ADDR')}.startsWith('https://') || (${setting('ENVTIER_VAULT_INSECURE_HTTP')} == 'true' && ${setting('ENVTIER_VAULT_ADDR')}.startsWith('http://'))`,
		message: wrongSetting(
			'ENVTIER_VAULT_ADDR',
			'an address that begins with https://, unless ENVTIER_VAULT_INSECURE_HTTP is "true"',
		),
	},
	{
		topic: 'vault-ca',
		holds: `!${setting('ENVTIER_VAULT_CA')}.contains('PRIVATE KEY-----')`,
		message: wrongSetting('ENVTIER_VAULT_CA', 'PEM text of certificates without a private key'),
	},
	{
		topic: 'image',
		holds: `${setting('ENVTIER_FETCHER_IMAGE')}.matches('^[^ "]+$')`,
		message: wrongSetting('ENVTIER_FETCHER_IMAGE', 'the name of an image'),
	},
	{
		topic: 'org-label-mode',
		holds: `${mode} in ['ignore', 'default', 'enforce']`,
		message: wrongSetting('ENVTIER_ORG_LABEL', 'ignore, default or enforce'),
	},
	{
		topic: 'default-org',
		holds: `${setting('ENVTIER_DEFAULT_ORG')} == '' || ${isName(setting('ENVTIER_DEFAULT_ORG'))}`,
		message: wrongSetting('ENVTIER_DEFAULT_ORG', NAME_RULE),
	},
];

const ruled = `${NAMESPACE_LABEL}.orValue(${setting('ENVTIER_DEFAULT_ORG')})`;

const PODS: readonly Check[] = [
	{
		topic: 'bad-org-label',
		holds: `!${looksAtLabel} || !${NAMESPACE_LABEL}.hasValue() || ${isName(`${NAMESPACE_LABEL}.value()`)}`,
		message: `'the label ${ORG_LABEL} of the namespace ' + ${quotedNamespace} + ${literal(` is no organization: it must be ${NAME_RULE}`)}`,
	},
	{
		topic: 'org-not-allowed',
		holds: `!(${enforced} && ${has('org')}) || ${said('org')} == ${ruled}`,
		message: `'annotation ${ORG_LABEL} names another organization than the label ${ORG_LABEL} of the namespace ' + ${quotedNamespace} + ' or, without it, the settings, which are enforced here: remove ${ORG_LABEL} from the pod’s annotations, or ask whoever runs the cluster'`,
	},
	{
		topic: 'tier-without-name',
		holds: `!('org' in ${items('tiers')}) || variables.org != ''`,
		message: literal(
			`annotation ${ANNOTATION_PREFIX}tiers asks for the tier "org", but nothing says which: set ${ANNOTATION_PREFIX}org`,
		),
	},
	{
		topic: 'role',
		holds: `variables.role.matches(${pattern(ROLE_PATTERN)})`,
		message: literal(
			`the Vault role made from ENVTIER_DEFAULT_ROLE for this pod’s service account must be ${ROLE_RULE}: name a role in ${ANNOTATION_PREFIX}role`,
		),
	},
];

/** All checks. Those of the settings come first. */
export const CHECKS: readonly Check[] = [...SETTINGS, ...PODS];
