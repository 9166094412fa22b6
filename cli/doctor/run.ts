import type { V1Pod } from '@kubernetes/client-node';
import type { SealScope } from '../../contract/sealed.ts';
import { openVaultClient, type VaultClient } from '../../lib/vault/client.ts';
import type { VaultEndpoint } from '../../lib/vault/types.ts';
import { type Context, fail } from '../context.ts';
import { json } from '../output.ts';
import { VAULT_TIMEOUT } from '../vault/client.ts';
import { type AdminToken, adminTokenOf, auditCheck, ownAddresses, tokenFor } from './audit.ts';
import { bad, type Check, good, skipped } from './check.ts';
import { type ClusterClient, openCluster, statusMessage } from './cluster.ts';
import { clusterChecks } from './cluster-checks.ts';
import { type InjectedSettings, probePod } from './probe.ts';
import { revealCheck, revealVaultCheck } from './reveal.ts';
import { rotationCheck } from './rotation.ts';
import { rotationVaultChecks } from './rotation-vault.ts';
import { sealedCheck, transitCheck } from './sealed.ts';
import { revealReadyChecks, secretsApiChecks } from './secrets-api.ts';
import { page, type Section, tally } from './text.ts';
import { tierChecks } from './tiers.ts';
import { healthCheck, loginCheck, mountCheck, revokeCheck } from './vault-checks.ts';

/** Options of the command. */
export interface DoctorOptions {
	readonly kubeconfig?: string | undefined;
	readonly context?: string | undefined;
	readonly namespace: string;
	readonly serviceAccount: string;
	readonly deployment?: string | undefined;
	readonly service?: string | undefined;
	readonly org?: string | undefined;
	readonly role?: string | undefined;
	readonly sealed?: readonly SealScope[] | undefined;
	readonly tlsSecret: string;
	readonly vaultVia?: { readonly host: string; readonly port: number } | undefined;
	readonly strict?: boolean | undefined;
	readonly json?: boolean | undefined;
}

/** `envtier doctor`: checks a cluster, then Vault in the way that the cluster's pods use it. */
export async function doctor(options: DoctorOptions, context: Context): Promise<void> {
	const cluster = await openCluster(options);
	if (!cluster.ok) return fail(context, 'usage', cluster.error);
	const { checks: ofCluster, injected } = await clusterChecks(
		cluster.value,
		probePod(options) as V1Pod,
		options.namespace,
		options.tlsSecret,
		new Date(),
	);
	const admin = adminTokenOf(context.env);
	const reveal = await revealCheck(cluster.value);
	const vault = await vaultSection(cluster.value, injected, options, admin);
	const rotation = await rotationCheck(cluster.value);
	const ofPrograms = await programsInVault(
		injected,
		options,
		{ reveal: reveal.isInstalled, rotation: rotation.role },
		admin,
	);
	const sections: readonly Section[] = [
		{ title: 'Cluster', checks: [...ofCluster, ...reveal.checks, ...rotation.checks] },
		{ title: 'Vault', checks: [...vault, ...ofPrograms] },
		{
			title: 'Secrets API',
			checks: [
				...(await secretsApiChecks(context.env, context.stdin)),
				...(await revealReadyChecks(context.env, context.stdin, reveal.isInstalled)),
			],
		},
	].filter(({ checks }) => checks.length > 0);
	const all = sections.flatMap((section) => section.checks);
	const counts = tally(all);
	context.stdout.write(
		options.json
			? json({ server: cluster.value.server, ...counts, checks: all })
			: page(sections, context.stdout.paint),
	);
	const broken = counts.fail > 0 || (options.strict === true && counts.warn > 0);
	context.end(broken ? 'failed' : 'ok');
}

async function vaultSection(
	cluster: ClusterClient,
	injected: InjectedSettings | undefined,
	options: DoctorOptions,
	admin: AdminToken | undefined,
): Promise<readonly Check[]> {
	if (injected === undefined)
		return [skipped('vault', 'not checked: no pod was injected, and only an injected pod names the Vault')];
	if (injected.proxy !== undefined && options.vaultVia === undefined)
		return [
			skipped(
				'vault',
				`not checked: pods reach ${injected.address} through the proxy ${injected.proxy}, which this command does not use; forward a port to Vault and add --vault-via localhost:8200`,
			),
		];
	const endpoint: VaultEndpoint = { ...injected, via: options.vaultVia, timeout: VAULT_TIMEOUT };
	const vault = openVaultClient(endpoint);
	const audit = (login: string | undefined): Promise<Check> => {
		const root = { ...endpoint, namespace: undefined };
		return auditCheck(openVaultClient(root), login, admin, ownAddresses(root));
	};
	const health = await healthCheck(vault, injected);
	if (health.status === 'fail') return [health];
	if (options.deployment === undefined)
		return [
			health,
			skipped('vault-login', 'not tried: --deployment and --service-account select the login and the tiers'),
			await audit(undefined),
		];
	const { check, jwt } = await tokenCheck(cluster, injected, options);
	if (jwt === undefined) return [health, check, await audit(undefined)];
	const login = await loginCheck(vault, injected, jwt);
	if (login.token === undefined) return [health, check, login.check, await audit(undefined)];
	const { token } = login;
	const mount = await mountCheck(vault, injected, token);
	const tiers = mount.isWrong
		? [skipped('tiers', 'not checked: pods use another KV mount than the existing one')]
		: await tierChecks(vault, injected, token);
	const rights = [mount.check, ...tiers];
	const sealed = await sealedChecks(vault, injected, options, token);
	const last = [await audit(token), await revokeCheck(vault, injected, token)];
	return [health, check, login.check, ...rights, ...sealed, ...last];
}

/** The programs that are installed: the Reveal program, and the Vault role of the rotation. */
interface Programs {
	readonly reveal: boolean;
	readonly rotation: string | undefined;
}

/** Checks what Vault has for Envtier's programs, with an administrator's token of that Vault alone. */
async function programsInVault(
	injected: InjectedSettings | undefined,
	{ vaultVia }: DoctorOptions,
	{ reveal, rotation }: Programs,
	admin: AdminToken | undefined,
): Promise<readonly Check[]> {
	if (injected === undefined || (injected.proxy !== undefined && vaultVia === undefined)) return [];
	if (!reveal && rotation === undefined) return [];
	const endpoint: VaultEndpoint = { ...injected, via: vaultVia, timeout: VAULT_TIMEOUT };
	const vault = openVaultClient(endpoint);
	const own = tokenFor(admin, endpoint);
	return [
		...(reveal ? [await revealVaultCheck(vault, injected, own)] : []),
		...(rotation === undefined ? [] : await rotationVaultChecks(vault, { ...injected, role: rotation }, own)),
	];
}

/** Checks whether the pod could decrypt sealed values; no check unless the command line asks for it. */
async function sealedChecks(
	vault: VaultClient,
	injected: InjectedSettings,
	{ sealed: scopes = [], namespace, deployment = '' }: DoctorOptions,
	token: string,
): Promise<readonly Check[]> {
	if (scopes.length === 0) return [];
	const transit = await transitCheck(vault, injected, token);
	if (transit.status === 'fail') return [transit];
	const place = { namespace, deployment };
	const each = scopes.map((scope) => sealedCheck(vault, injected, scope, place, token));
	return [transit, ...(await Promise.all(each))];
}

/** Requests a token like the one that the kubelet requests for the fetcher's projected volume. */
async function tokenCheck(
	cluster: ClusterClient,
	{ audience }: InjectedSettings,
	{ namespace, serviceAccount }: DoctorOptions,
): Promise<{ readonly check: Check; readonly jwt: string | undefined }> {
	const id = 'service-account-token';
	const who = `service account ${namespace}/${serviceAccount}`;
	const answer = await cluster.request(
		'POST',
		`/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`,
		{
			apiVersion: 'authentication.k8s.io/v1',
			kind: 'TokenRequest',
			spec: { audiences: [audience], expirationSeconds: 600 },
		},
	);
	if (!answer.ok)
		return { check: bad(id, `${cluster.server} ${answer.error.message}`, 'try again'), jwt: undefined };
	const jwt = (answer.value.body as { status?: { token?: unknown } } | undefined)?.status?.token;
	if (answer.value.status === 201 && typeof jwt === 'string')
		return { check: good(id, `${who} gets tokens for the audience "${audience}"`), jwt };
	const message = statusMessage(answer.value);
	return {
		check:
			answer.value.status === 403
				? skipped(id, `the login is not tried, because you may not create tokens of ${who}: ${message}`)
				: bad(
						id,
						`${who} gets no token: ${message}`,
						'create the service account, or name another with --service-account',
					),
		jwt: undefined,
	};
}
