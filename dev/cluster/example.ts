import { type Cluster, expectStatus } from '../../test/support/kubernetes/cluster.ts';
import type { OpenBao } from '../../test/support/openbao.ts';
import { putSecret } from '../../test/support/openbao-setup.ts';
import { vaultSetup } from '../../test/support/vault-setup.ts';

/** The namespace and the names of the example application, its deployment in Vault and its role. */
export const EXAMPLE = { namespace: 'shop', name: 'web', org: 'acme', deployment: 'shop' } as const;

const TIERS = {
	org: `orgs/${EXAMPLE.org}`,
	deployment: `deployments/${EXAMPLE.deployment}`,
	service: `deployments/${EXAMPLE.deployment}/services/${EXAMPLE.name}`,
} as const;

/** Arguments of `deploy/vault/setup.sh`, so that the example may read its tiers. */
export const EXAMPLE_ROLE = [
	'role',
	`${EXAMPLE.namespace}_${EXAMPLE.name}`,
	'--namespace',
	EXAMPLE.namespace,
	'--account',
	EXAMPLE.name,
	'--org',
	EXAMPLE.org,
	'--deployment',
	EXAMPLE.deployment,
	'--service',
	EXAMPLE.name,
] as const;

/**
 * Writes secrets of three tiers to OpenBao, allows the application's service account to read them, and
 * deploys it.
 */
export async function deployExample(cluster: Cluster, vault: OpenBao): Promise<void> {
	await putSecret(vault, `${TIERS.org}/secrets/REGION`, 'eu-north-1');
	await putSecret(vault, `${TIERS.org}/secrets/LOG_LEVEL`, 'info');
	await putSecret(vault, `${TIERS.deployment}/secrets/LOG_LEVEL`, 'warn');
	await putSecret(vault, `${TIERS.service}/secrets/GREETING`, `It's "only" an example`);
	const { namespace, name } = EXAMPLE;
	await vaultSetup(vault)(...EXAMPLE_ROLE);
	await cluster.createNamespace({
		name: namespace,
		labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
	});
	await cluster.createServiceAccount(namespace, name);
	const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
	expectStatus(await cluster.request('POST', path, deployment()), 201, 'deploying the example');
}

function deployment(): object {
	const labels = { app: EXAMPLE.name };
	const script = '. /secrets/env; echo "$GREETING, from $REGION at log level $LOG_LEVEL"; exec sleep 1000000';
	return {
		metadata: { name: EXAMPLE.name },
		spec: {
			selector: { matchLabels: labels },
			template: {
				metadata: {
					labels,
					annotations: {
						'envtier.dev/deployment': EXAMPLE.deployment,
						'envtier.dev/service': EXAMPLE.name,
					},
				},
				spec: {
					serviceAccountName: EXAMPLE.name,
					terminationGracePeriodSeconds: 1,
					securityContext: {
						runAsNonRoot: true,
						runAsUser: 1000,
						seccompProfile: { type: 'RuntimeDefault' },
					},
					containers: [
						{
							name: 'main',
							image: 'localhost/busybox:1',
							command: ['sh', '-c', script],
							securityContext: {
								allowPrivilegeEscalation: false,
								capabilities: { drop: ['ALL'] },
							},
						},
					],
				},
			},
		},
	};
}
