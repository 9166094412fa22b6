import { makeJwtSigner, serviceAccountClaims } from '../../support/jwt.ts';
import { startOpenBao, type VaultApi } from '../../support/openbao.ts';
import {
	createNamespace,
	enableAuth,
	mountKv,
	mountTransit,
	writePolicy,
	writeRole,
} from '../../support/openbao-setup.ts';
import { makeAuthority } from '../../support/tls.ts';
import type { Backend } from './backend.ts';
import { POLICIES, ROLES, type Rules, TEAM_POLICY, type TestRole } from './content.ts';

/** Starts an OpenBao with what content.ts describes. */
export async function startReal(): Promise<Backend> {
	const bao = await startOpenBao();
	const signer = makeJwtSigner();
	await fill(bao, signer);
	await addNamespaces(bao, signer);
	return { ...bao, jwt: jwtsOf(signer) };
}

/**
 * Fills a server that has KV v2 at `secret/` with the content of content.ts, except namespaces. Returns the
 * signer of its JWTs.
 */
export async function fillReal(vault: VaultApi): Promise<Backend['jwt']> {
	const signer = makeJwtSigner();
	await fill(vault, signer);
	return jwtsOf(signer);
}

type Signer = ReturnType<typeof makeJwtSigner>;

const jwtsOf =
	(signer: Signer): Backend['jwt'] =>
	(namespace, account, overrides) =>
		signer.sign(serviceAccountClaims(namespace, account, overrides));

const jwtConfig = (signer: Signer) => ({ jwt_validation_pubkeys: [signer.publicKeyPem] });

async function fill(vault: VaultApi, signer: Signer): Promise<void> {
	// No API server listens there: what is refused before the TokenReview is refused for its own reason.
	const kubernetesConfig = {
		...{ kubernetes_host: 'https://127.0.0.1:1', kubernetes_ca_cert: (await makeAuthority()).certPem },
		...{ disable_local_ca_jwt: true, pem_keys: [signer.publicKeyPem] },
	};
	await mountKv(vault, 'legacy', 1);
	await mountTransit(vault);
	for (const [name, rules] of Object.entries(POLICIES)) await writePolicy(vault, name, policyText(rules));
	await enableAuth(vault, 'jwt', { config: jwtConfig(signer) });
	await enableAuth(vault, 'kubernetes', { config: kubernetesConfig });
	for (const [name, role] of Object.entries(ROLES)) {
		await writeRole(vault, 'jwt', name, jwtRole(role));
		await writeRole(vault, 'kubernetes', name, kubernetesRole(role));
	}
}

async function addNamespaces(bao: VaultApi, signer: Signer): Promise<void> {
	const team = { namespace: 'team' };
	await createNamespace(bao, 'team');
	await createNamespace(bao, 'inner', team);
	await createNamespace(bao, 'crew');
	await writePolicy(bao, 'web', policyText(TEAM_POLICY), team);
	await enableAuth(bao, 'jwt', { ...team, config: jwtConfig(signer) });
	const anyone = { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['vault'], token_policies: ['web'] };
	await writeRole(bao, 'jwt', 'web', anyone, team);
}

/** A policy in its JSON form, which OpenBao takes as well as HCL. */
export function policyText(rules: Rules): string {
	const path = Object.entries(rules).map(([pattern, capabilities]) => [pattern, { capabilities }]);
	return JSON.stringify({ path: Object.fromEntries(path) });
}

function jwtRole(role: TestRole): object {
	return {
		...{ role_type: 'jwt', user_claim: 'sub', bound_audiences: [role.audience] },
		bound_claims: {
			'/kubernetes.io/namespace': role.namespaces,
			'/kubernetes.io/serviceaccount/name': role.serviceAccounts,
		},
		...{ token_policies: role.policies, token_ttl: role.ttl },
	};
}

function kubernetesRole(role: TestRole): object {
	return {
		bound_service_account_names: role.serviceAccounts,
		bound_service_account_namespaces: role.namespaces,
		...{ audience: role.audience, token_policies: role.policies, token_ttl: role.ttl },
	};
}
