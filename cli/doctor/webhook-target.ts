import type { V1EndpointSlice, V1MutatingWebhook, V1Secret, V1Service } from '@kubernetes/client-node';
import { bundleCheck, certificatesIn, servingCheck } from './certificate.ts';
import { bad, type Check, skipped } from './check.ts';
import { type ClusterClient, why } from './cluster.ts';
import { shownCertificates } from './served-certificate.ts';
import { endpointsCheck } from './service.ts';

/** Checks the endpoint that the API server calls, and its certificate. */
export async function callChecks(
	cluster: ClusterClient,
	{ clientConfig }: V1MutatingWebhook,
	tlsSecret: string,
	now: Date,
): Promise<readonly Check[]> {
	const { check, authorities } = bundleCheck(clientConfig.caBundle, now);
	const { service, url } = clientConfig;
	if (service === undefined) {
		const at = new URL(url ?? 'https://invalid');
		const chain = await shownCertificates(at);
		const outside = skipped(
			'webhook-endpoints',
			`the webhook is called at ${at.origin}, not through a Service`,
		);
		return [
			outside,
			check,
			chain.ok
				? servingCheck(
						chain.value,
						authorities,
						at.hostname.replace(/^\[|\]$/g, ''),
						now,
						`the certificate at ${at.host}`,
					)
				: skipped(
						'serving-certificate',
						`not checked: ${at.host} ${chain.error} (seen from here, not from the API server)`,
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
			`the webhook configuration calls the Service ${namespace}/${name}, which does not exist`,
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

/** The certificate in the Secret. The response also has the key, which is neither read nor passed on. */
async function storedCertificate(
	cluster: ClusterClient,
	namespace: string,
	name: string,
	judge: (pem: string) => Check,
): Promise<Check> {
	const id = 'serving-certificate';
	const answer = await cluster.request('GET', `/api/v1/namespaces/${namespace}/secrets/${name}`);
	if (!answer.ok || answer.value.status === 403)
		return skipped(id, `not checked: Secret ${namespace}/${name}: ${why(answer)}`);
	if (answer.value.status === 404)
		return bad(
			id,
			`there is no Secret ${namespace}/${name} with the webhook’s certificate`,
			'deploy/certs makes one; --tls-secret names another',
		);
	const { data } = answer.value.body as V1Secret;
	return judge(Buffer.from(data?.['tls.crt'] ?? '', 'base64').toString('utf8'));
}
