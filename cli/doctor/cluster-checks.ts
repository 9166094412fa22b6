import type {
	V1EndpointSlice,
	V1MutatingWebhook,
	V1MutatingWebhookConfiguration,
	V1Pod,
	V1Secret,
	V1Service,
} from '@kubernetes/client-node';
import type { Result } from '../../contract/result.ts';
import type { HttpAnswer, HttpFailure } from '../http.ts';
import { REGISTRATION } from '../registration.ts';
import { admissionCheck } from './admission.ts';
import { bundleCheck, certificatesIn, servingCheck } from './certificate.ts';
import { bad, type Check, good, skipped } from './check.ts';
import { type ClusterClient, statusMessage } from './cluster.ts';
import { netCheck } from './net.ts';
import type { Handed } from './probe.ts';
import { registrationChecks } from './registration.ts';
import { endpointsCheck } from './service.ts';
import { shownCertificates } from './serving.ts';
import { versionChecks } from './version.ts';

/** What the cluster's part found out. */
export interface ClusterFindings {
	readonly checks: readonly Check[];
	/** What the webhook hands to pods; undefined where none was injected. */
	readonly handed: Handed | undefined;
}

/** Looks at the cluster's side of things: the registration, its certificate, the webhook, and the way of a real pod. */
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
			handed: undefined,
		};
	const checks = [
		good('cluster', `${cluster.server} answers`),
		...versionChecks(version.value.body as { major: string; minor: string }),
		...(await registeredChecks(cluster, tlsSecret, now)),
		await netCheck(cluster),
	];
	const created = await cluster.request('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod);
	if (!created.ok)
		return {
			checks: [...checks, bad('admission', `${cluster.server} ${created.error.message}`, 'try again')],
			handed: undefined,
		};
	const { check, handed } = admissionCheck(created.value, namespace);
	return { checks: [...checks, check], handed };
}

function why(answer: Result<HttpAnswer, HttpFailure>): string {
	return answer.ok ? `answers: ${statusMessage(answer.value)}` : answer.error.message;
}

async function registeredChecks(
	cluster: ClusterClient,
	tlsSecret: string,
	now: Date,
): Promise<readonly Check[]> {
	const id = 'registration';
	const listed = await cluster.request(
		'GET',
		'/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
	);
	if (listed.ok && listed.value.status === 403)
		return [
			skipped(
				id,
				`not looked at, for you may not list mutatingwebhookconfigurations: ${statusMessage(listed.value)}`,
			),
		];
	if (!listed.ok || listed.value.status !== 200)
		return [bad(id, `the registrations cannot be listed: ${why(listed)}`, 'try again')];
	const { items } = listed.value.body as { items: readonly V1MutatingWebhookConfiguration[] };
	const found = items.filter(({ webhooks = [] }) =>
		webhooks.some(({ name }) => name === REGISTRATION.webhook),
	);
	const [configuration] = found;
	const webhook = configuration?.webhooks?.find(({ name }) => name === REGISTRATION.webhook);
	if (webhook === undefined)
		return [
			bad(
				id,
				`no MutatingWebhookConfiguration has the webhook ${REGISTRATION.webhook}: pods that ask for secrets start without them`,
				'apply it: kubectl apply -k deploy/manifests/overlays/production, or the chart',
			),
		];
	const names = found.map(({ metadata }) => metadata?.name).join(', ');
	const one =
		found.length === 1
			? good(id, `MutatingWebhookConfiguration ${names} registers ${REGISTRATION.webhook}`)
			: bad(
					id,
					`${found.length} configurations register ${REGISTRATION.webhook}: ${names}`,
					'delete those that are left over',
				);
	return [one, ...registrationChecks(webhook), ...(await callChecks(cluster, webhook, tlsSecret, now))];
}

/** Whoever is called, and with which certificate. */
async function callChecks(
	cluster: ClusterClient,
	{ clientConfig }: V1MutatingWebhook,
	tlsSecret: string,
	now: Date,
): Promise<readonly Check[]> {
	const { check, authorities } = bundleCheck(clientConfig.caBundle, now);
	const { service, url } = clientConfig;
	if (service === undefined) {
		const at = new URL(url ?? 'https://invalid');
		const shown = await shownCertificates(at);
		const outside = skipped(
			'webhook-endpoints',
			`the webhook is called at ${at.origin}, not through a Service`,
		);
		return [
			outside,
			check,
			shown.ok
				? servingCheck(
						shown.value,
						authorities,
						at.hostname.replace(/^\[|\]$/g, ''),
						now,
						`the certificate at ${at.host}`,
					)
				: skipped(
						'serving-certificate',
						`not looked at: ${at.host} ${shown.error} (seen from here, not from the API server)`,
					),
		];
	}
	const { name, namespace, port = 443 } = service;
	return [
		await endpoints(cluster, namespace, name, port),
		check,
		await storedCertificate(cluster, namespace, tlsSecret, (pem) =>
			servingCheck(
				certificatesIn(pem) ?? [],
				authorities,
				`${name}.${namespace}.svc`,
				now,
				`the certificate in Secret ${namespace}/${tlsSecret}`,
			),
		),
	];
}

async function endpoints(
	cluster: ClusterClient,
	namespace: string,
	name: string,
	port: number,
): Promise<Check> {
	const id = 'webhook-endpoints';
	const service = await cluster.request('GET', `/api/v1/namespaces/${namespace}/services/${name}`);
	if (service.ok && service.value.status === 404)
		return bad(
			id,
			`the registration calls the Service ${namespace}/${name}, which does not exist`,
			'apply the manifests, or the chart',
		);
	const slices = await cluster.request(
		'GET',
		`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D${name}`,
	);
	const broken = [service, slices].find((answer) => !answer.ok || answer.value.status !== 200);
	if (broken !== undefined || !service.ok || !slices.ok)
		return skipped(
			id,
			`the Service ${namespace}/${name} cannot be looked at: ${broken === undefined ? '' : why(broken)}`,
		);
	const { items } = slices.value.body as { items: readonly V1EndpointSlice[] };
	return endpointsCheck(service.value.body as V1Service, items, port);
}

/** Of the Secret only the certificate is looked at; its key is in the answer and goes no further. */
async function storedCertificate(
	cluster: ClusterClient,
	namespace: string,
	name: string,
	judge: (pem: string) => Check,
): Promise<Check> {
	const id = 'serving-certificate';
	const answer = await cluster.request('GET', `/api/v1/namespaces/${namespace}/secrets/${name}`);
	if (!answer.ok || answer.value.status === 403)
		return skipped(id, `not looked at: Secret ${namespace}/${name}: ${why(answer)}`);
	if (answer.value.status === 404)
		return bad(
			id,
			`there is no Secret ${namespace}/${name} with the webhook’s certificate`,
			'deploy/certs makes one; --tls-secret names another',
		);
	const { data } = answer.value.body as V1Secret;
	return judge(Buffer.from(data?.['tls.crt'] ?? '', 'base64').toString('utf8'));
}
