import { err, ok, type Result } from '../../contract/result.ts';
import { type AdminClient, type ApplyFailure, dataOf, readData } from './client.ts';

/** Maximum number of roles to read. */
const ROLES_LIMIT = 200;

/**
 * Finds the policy that earlier versions wrote for `--own account`. It grants the deployment with the name of
 * the service account. So whoever may create service accounts in the namespace of the role can read any
 * deployment.
 *
 * @param mount path of the method, without `auth/`
 * @returns the policy's name; undefined when that policy does not exist
 */
export async function earlierOwnAccountPolicy(
	mount: string,
	client: AdminClient,
): Promise<Result<string | undefined, ApplyFailure>> {
	const policy = `envtier-own-account-${mount.replaceAll('/', '_')}`;
	const data = await readData(client, `sys/policies/acl/${policy}`);
	if (!data.ok) return data;
	return ok(data.value === undefined ? undefined : policy);
}

/** The note about that policy with --replace, which does not delete it because roles may still grant it. */
export function earlierPolicyNote(policy: string): string {
	return `${policy} of an earlier version is still there; when no role grants it: vault policy delete ${policy}`;
}

/**
 * Why nothing is changed while that policy exists, and how to migrate.
 *
 * @param mount path of the auth method, without `auth/`
 */
export async function earlierPolicyProblem(
	policy: string,
	mount: string,
	client: AdminClient,
): Promise<Result<string, ApplyFailure>> {
	const roles = await rolesWith(policy, mount, client);
	if (!roles.ok) return err(roles.error);
	return ok(
		[
			`an earlier version wrote the policy ${policy}, which is still there. It grants the deployment named like the`,
			'service account alone, so whoever may create a service account in that namespace reads any deployment by it.',
			`  roles of auth/${mount} that grant it: ${roles.value.join(' ') || 'none'}`,
			'Deployments of --own account are called NAMESPACE.ACCOUNT now. To migrate:',
			'  1. copy the secrets of deployments/ACCOUNT to deployments/NAMESPACE.ACCOUNT',
			'  2. run this command with --replace for each of the roles; the annotation envtier.dev/deployment becomes NAMESPACE.ACCOUNT',
			`  3. vault policy delete ${policy}`,
			'docs/vault-setup.md ("From earlier versions") shows each step.',
		].join('\n'),
	);
}

async function rolesWith(
	policy: string,
	mount: string,
	client: AdminClient,
): Promise<Result<readonly string[], ApplyFailure>> {
	const listed = await client.list(`auth/${mount}/role`);
	if (!listed.ok) return listed;
	const keys = dataOf(listed.value)?.['keys'];
	const names = Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : [];
	const found: string[] = [];
	for (const name of names.slice(0, ROLES_LIMIT)) {
		const role = await readData(client, `auth/${mount}/role/${encodeURIComponent(name)}`);
		if (!role.ok) return role;
		const policies = role.value?.['token_policies'];
		if (Array.isArray(policies) && policies.includes(policy)) found.push(name);
	}
	if (names.length > ROLES_LIMIT) found.push(`… (the first ${ROLES_LIMIT} roles were looked at)`);
	return ok(found);
}
