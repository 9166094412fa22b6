import type { V1MutatingWebhookConfiguration, V1Pod } from '@kubernetes/client-node';
import { WEBHOOK_CONFIGURATION } from '../webhook-configuration.ts';
import { admissionCheck } from './admission.ts';
import { bad, type Check, good, skipped } from './check.ts';
import { type ClusterClient, statusMessage, why } from './cluster.ts';
import { managedSecretChecks } from './managed-secrets.ts';
import { aloneCheck, divisionCheck, type PlainPods, plainPods } from './plain-pods.ts';
import type { InjectedSettings } from './probe.ts';
import { validatingPolicyChecks } from './validating-policies.ts';
import { versionChecks } from './version.ts';
import { webhookConfigurationChecks } from './webhook-configuration.ts';
import { callChecks } from './webhook-target.ts';

/** The results of the checks of the cluster. */
export interface ClusterFindings {
	readonly checks: readonly Check[];
	/** The settings that the webhook injects into pods; undefined when it injected none. */
	readonly injected: InjectedSettings | undefined;
}

/** Checks the cluster: the webhook configuration, its certificate, the webhook, and the creation of a pod. */
export async function clusterChecks(
	cluster: ClusterClient,
	pod: V1Pod,
	namespace: string,
	tlsSecret: string,
	now: Date,
): Promise<ClusterFindings> {
	const version = await cluster.request('GET', '/version');
	if (!version.ok || version.value.status !== 200)
		return {
			checks: [
				bad(
					'cluster',
					`${cluster.server} ${why(version)}`,
					'check the kubeconfig: kubectl version should work with it',
				),
			],
			injected: undefined,
		};
	const policy = await plainPods(cluster);
	const checks = [
		good('cluster', `${cluster.server} answers`),
		...versionChecks(version.value.body as { major: string; minor: string }),
		...(await registeredChecks(cluster, policy, namespace, tlsSecret, now)),
		policy.check,
		...(await validatingPolicyChecks(cluster)),
		...(await managedSecretChecks(cluster)),
	];
	const created = await cluster.request('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod);
	if (!created.ok)
		return {
			checks: [...checks, bad('admission', `${cluster.server} ${created.error.message}`, 'try again')],
			injected: undefined,
		};
	const { check, handed: injected } = admissionCheck(created.value, namespace);
	return { checks: [...checks, check], injected };
}

async function registeredChecks(
	cluster: ClusterClient,
	policy: PlainPods,
	namespace: string,
	tlsSecret: string,
	now: Date,
): Promise<readonly Check[]> {
	const id = 'webhook-configuration';
	const listed = await cluster.request(
		'GET',
		'/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
	);
	if (listed.ok && listed.value.status === 403)
		return [
			skipped(
				id,
				`not checked, because you may not list mutatingwebhookconfigurations: ${statusMessage(listed.value)}`,
			),
		];
	if (!listed.ok || listed.value.status !== 200)
		return [bad(id, `the webhook configurations cannot be listed: ${why(listed)}`, 'try again')];
	const { items } = listed.value.body as { items: readonly V1MutatingWebhookConfiguration[] };
	const found = items.filter(({ webhooks = [] }) =>
		webhooks.some(({ name }) => name === WEBHOOK_CONFIGURATION.webhook),
	);
	const [configuration] = found;
	const webhook = configuration?.webhooks?.find(({ name }) => name === WEBHOOK_CONFIGURATION.webhook);
	if (webhook === undefined && policy.served) return [await aloneCheck(cluster)];
	if (webhook === undefined)
		return [
			bad(
				id,
				`no MutatingWebhookConfiguration has the webhook ${WEBHOOK_CONFIGURATION.webhook}: pods that ask for secrets start without them`,
				'apply it: kubectl apply -k deploy/manifests/overlays/production, or the chart',
			),
		];
	const names = found.map(({ metadata }) => metadata?.name).join(', ');
	const one =
		found.length === 1
			? good(id, `MutatingWebhookConfiguration ${names} registers ${WEBHOOK_CONFIGURATION.webhook}`)
			: bad(
					id,
					`${found.length} configurations register ${WEBHOOK_CONFIGURATION.webhook}: ${names}`,
					'delete those that are left over',
				);
	return [
		one,
		...webhookConfigurationChecks(webhook, namespace),
		divisionCheck(webhook, policy),
		...(await callChecks(cluster, webhook, tlsSecret, now)),
	];
}
