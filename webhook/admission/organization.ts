import { NAME_RULE, ORG_LABEL, parseName } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import type { InjectionSettings } from '../settings.ts';
import { quoted, redact } from './redact.ts';
import { type Rejection, reject } from './rejection.ts';

/** The settings that decide the organization. */
type OrgSettings = Pick<InjectionSettings, 'defaultOrg' | 'orgLabelMode' | 'orgLabel'>;

/**
 * The organization of a pod in `namespace`; undefined if there is none. With `enforce` only the operator sets
 * it: by the label, or by the setting for namespaces without a label. A pod may repeat that organization, and
 * name no other.
 */
export function organizationOf(
	annotation: string | undefined,
	namespace: string,
	settings: OrgSettings,
): Result<string | undefined, Rejection> {
	const enforced = settings.orgLabelMode === 'enforce';
	if (settings.orgLabelMode === 'ignore' || (annotation !== undefined && !enforced))
		return ok(annotation ?? settings.defaultOrg);
	const label = labelOf(namespace, settings);
	if (!label.ok) return label;
	const org = label.value ?? settings.defaultOrg;
	if (annotation === undefined || annotation === org) return ok(org);
	return err(reject('org-not-allowed', contradiction(namespace, label.value, settings.defaultOrg)));
}

function labelOf(namespace: string, { orgLabel }: OrgSettings): Result<string | undefined, Rejection> {
	if (!orgLabel.ok) return err(reject(orgLabel.error, UNKNOWN[orgLabel.error](namespace)));
	if (orgLabel.value === undefined) return orgLabel;
	const name = parseName(orgLabel.value);
	if (name.ok) return name;
	return err(
		reject(
			'bad-org-label',
			`the label ${ORG_LABEL} of the namespace ${quoted(namespace)} (${redact(orgLabel.value)}) is no organization: it must be ${NAME_RULE}`,
		),
	);
}

const UNKNOWN = {
	'namespace-unknown': (namespace: string) =>
		`Envtier does not know the namespace ${quoted(namespace)} yet, whose label ${ORG_LABEL} says the organization: try again in a moment`,
	'namespace-outdated': (namespace: string) =>
		`what Envtier knows of the namespace ${quoted(namespace)} is too old to decide the organization of its pods: try again, and tell the operator of the cluster that Envtier’s webhook cannot watch namespaces`,
} as const;

function contradiction(namespace: string, label: string | undefined, defaultOrg: string | undefined): string {
	const cure = `remove ${ORG_LABEL} from the pod’s annotations, or ask whoever runs the cluster`;
	if (label !== undefined)
		return `annotation ${ORG_LABEL} names another organization than the label of the namespace ${quoted(namespace)}, which is "${label}" and is enforced here: ${cure}`;
	const otherwise = defaultOrg === undefined ? 'none' : `"${defaultOrg}"`;
	return `annotation ${ORG_LABEL} names an organization, but here the label ${ORG_LABEL} of the namespace says it, and ${quoted(namespace)} has none, so that its pods belong to ${otherwise}: ${cure}`;
}
