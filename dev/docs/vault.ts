import { KEY_RULE } from '../../contract/keys.ts';
import { ANNOTATION_PREFIX, NAME_RULE, ROLE_RULE } from '../../contract/names.ts';
import { TIERS, type Tier, tierPath, VALUE_FIELD } from '../../contract/tiers.ts';
import { VARIABLES } from '../../contract/variables.ts';
import { blocks, bullets, code, prose, table } from './markdown.ts';

const SHARED_BY: Readonly<Record<Tier, string>> = {
	org: 'every deployment of the organization',
	deployment: 'every service of the deployment',
	service: 'only that service',
};

const PLACEHOLDERS = { org: '{org}', deployment: '{deployment}', service: '{service}' };

function pathOf(tier: Tier): string {
	return `${tierPath(tier, PLACEHOLDERS)}/{key}`;
}

/** The section about the paths of secrets in Vault. */
export function vaultSection(): string {
	return blocks(
		'## Paths in Vault',
		`Inside the KV mount (${code('ENVTIER_VAULT_KV_MOUNT')}, ${code(VARIABLES.ENVTIER_VAULT_KV_MOUNT.default)} by default). A later row overrides an earlier one, key by key.`,
		table(
			['tier', 'path of one secret', 'shared by'],
			TIERS.map((tier) => [code(tier), code(pathOf(tier)), SHARED_BY[tier]]),
		),
		bullets([
			`The value is the text in the secret’s field ${code(VALUE_FIELD)}. Other fields are ignored.`,
			`A key consists of ${prose(KEY_RULE)}. A secret with another name is never written; the fetcher logs a warning.`,
			`Names of organizations, deployments and services consist of ${prose(NAME_RULE)}.`,
			`Names of roles (${code(`${ANNOTATION_PREFIX}role`)}) consist of ${prose(ROLE_RULE)}.`,
		]),
	);
}
