import type { V1Deployment } from '@kubernetes/client-node';
import type { VaultClient } from '../../lib/vault/client.ts';
import { policyName } from '../vault/policy-names.ts';
import type { AdminToken } from './audit.ts';
import { bad, type Check, good, skipped, warn } from './check.ts';
import { type ClusterClient, statusMessage, why } from './cluster.ts';
import type { InjectedSettings } from './probe.ts';
import { unanswered } from './vault-checks.ts';

const ID = 'reveal';
const VAULT_ID = 'reveal-vault';
const LIST = '/apis/apps/v1/deployments?labelSelector=app.kubernetes.io/name=envtier-reveal';
const SETUP =
	'run deploy/vault/setup.sh reveal --replace, then setup.sh api --beside-reveal --replace (docs/managed-secrets.md)';

/** Whether the Reveal program is installed, and the check of its replicas. */
export interface RevealFindings {
	/** None where it is not installed. */
	readonly checks: readonly Check[];
	readonly isInstalled: boolean;
}

/** Checks the replicas of the Reveal program, wherever it is installed. */
export async function revealCheck(cluster: ClusterClient): Promise<RevealFindings> {
	const found = (checks: readonly Check[], isInstalled = false): RevealFindings => ({ checks, isInstalled });
	const listed = await cluster.request('GET', LIST);
	if (!listed.ok || listed.value.status !== 200) {
		if (!listed.ok || listed.value.status !== 403)
			return found([bad(ID, `Deployments cannot be listed: ${why(listed)}`, 'try again')]);
		const reason = statusMessage(listed.value);
		return found([
			skipped(
				ID,
				`not known whether the Reveal program is installed: you may not list deployments: ${reason}`,
			),
		]);
	}
	const [deployment, ...more] = (listed.value.body as { items: readonly V1Deployment[] }).items;
	if (deployment === undefined) return found([]);
	return found([replicasCheck(deployment, more.length)], true);
}

function replicasCheck({ metadata, status }: V1Deployment, more: number): Check {
	const name = `${metadata?.namespace}/${metadata?.name}`;
	if (more > 0) return bad(ID, `the Reveal program is installed ${more + 1} times`, 'delete all but one');
	const ready = status?.readyReplicas ?? 0;
	return ready > 0
		? good(ID, `the Reveal program ${name} has ${ready} of ${status?.replicas} replicas ready`)
		: bad(
				ID,
				`the Reveal program ${name} has no ready replica: nobody can see a value or change members`,
				`kubectl --namespace ${metadata?.namespace} logs deployment/${metadata?.name}`,
			);
}

/**
 * Checks what Vault has for the Reveal program: roles whose tokens are worth one value, an API that changes
 * nothing of who has access, and headers in Vault's audit.
 *
 * @param admin for this Vault; undefined if there is none
 */
export async function revealVaultCheck(
	vault: VaultClient,
	{ authMount, kv }: Pick<InjectedSettings, 'authMount' | 'kv'>,
	admin: AdminToken | undefined,
): Promise<Check> {
	if (admin === undefined)
		return skipped(
			VAULT_ID,
			'the roles and policies of the Reveal program are not checked: VAULT_ADDR and VAULT_TOKEN of an administrator of the Vault of the pods let the doctor read them',
		);
	const read = (path: string) => vault.read(path, admin.token);
	for (const [purpose, uses] of Object.entries({ value: 2, restore: 3 })) {
		const role = await read(`auth/${authMount}/role/envtier-reveal-${purpose}`);
		if (!role.ok) return unanswered(VAULT_ID, role);
		const problem = roleProblem(dataOf(role.value.json), uses);
		if (problem !== undefined) return bad(VAULT_ID, `role envtier-reveal-${purpose} ${problem}`, SETUP);
	}
	const name = policyName('api', { kv: kv.mount });
	const policy = await read(`sys/policies/acl/${name}`);
	if (!policy.ok) return unanswered(VAULT_ID, policy);
	if (changesAccess(String(dataOf(policy.value.json)['policy'] ?? '')))
		return bad(
			VAULT_ID,
			`policy ${name} lets the API change who has access: whoever takes it over can see values`,
			'run deploy/vault/setup.sh api --beside-reveal --replace',
		);
	const header = await read('sys/config/auditing/request-headers/x-envtier-actor');
	if (!header.ok) return unanswered(VAULT_ID, header);
	if (header.value.status !== 200)
		return warn(
			VAULT_ID,
			'Vault does not audit the header x-envtier-actor, or does not say: its log may not tell who saw a value',
			'run deploy/vault/setup.sh reveal with a token of the root namespace of Vault',
		);
	return good(
		VAULT_ID,
		'tokens for one value have two uses and 60 seconds, the API changes nothing of who has access, and Vault audits who sees a value',
	);
}

function dataOf(json: unknown): Readonly<Record<string, unknown>> {
	return (json as { data?: Readonly<Record<string, unknown>> } | undefined)?.data ?? {};
}

function roleProblem(data: Readonly<Record<string, unknown>>, uses: number): string | undefined {
	const { token_num_uses: given, token_max_ttl: seconds } = data;
	if (given === undefined) return 'does not exist, or the token may not read it';
	const isShort = typeof seconds === 'number' && seconds > 0 && seconds <= 60;
	return given === uses && isShort
		? undefined
		: `gives tokens for ${given} uses and ${seconds} seconds, instead of ${uses} uses and 60 seconds`;
}

/** True if a policy allows more than reading of the lists of members. The most specific path decides. */
function changesAccess(policy: string): boolean {
	const [, capabilities = ''] = /path "[^"]*data\/registry\/access\/\*"[^[]*\[([^\]]*)\]/.exec(policy) ?? [];
	return /create|update|patch|delete|sudo/.test(capabilities);
}
