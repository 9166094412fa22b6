import type { AccessCall } from '../access/authorize.ts';
import { ORG_ROLES } from '../auth/caller.ts';
import type { Template } from './templates.ts';

/** The RBAC rule that gives a Kubernetes caller the values of templates of others. */
const REVEAL = { resource: 'templates', verb: 'reveal', needs: 'scope-alone' } as const;

/**
 * True if a new deployment of the caller gets copies of a template's values. Those could be read in a pod,
 * so it is for the callers who could reveal them (ADR 78): the owner, who wrote them, and admins of the
 * template's organization. These would need an elevation to reveal, and that needs a person.
 */
export async function mayCopyValues(
	{ caller, authorize }: Pick<AccessCall, 'caller' | 'authorize'>,
	template: Pick<Template, 'name' | 'owner' | 'org'> | undefined,
): Promise<boolean> {
	if (template === undefined) return false;
	if (caller.user === undefined && !caller.scopes.has('secrets:read')) return false;
	if (template.owner === caller.subject) return true;
	if (caller.user !== undefined) return (await authorize(REVEAL, template.name)).ok;
	const admin = template.org !== '' && template.org === caller.org;
	return caller.kind === 'session' && admin && ORG_ROLES.some((role) => caller.roles.has(role));
}
