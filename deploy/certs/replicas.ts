import { duplexPair, PassThrough } from 'node:stream';
import { DiscoveryV1Api, type KubeConfig, PortForward, type V1EndpointSlice } from '@kubernetes/client-node';
import { calling } from './api-failure.ts';
import { CertsFailure } from './failure.ts';
import { type PresentedCertificate, presentedBy, presentedThrough } from './handshake.ts';

/** A running replica. */
export interface Replica {
	readonly name: string;
	/** The certificate that it presents now. Rejects with a `CertsFailure`. */
	presented(): Promise<PresentedCertificate>;
}

/**
 * The replicas behind a Service, ready or not. Connects through the API server, as `kubectl port-forward`
 * does. Leaves out terminating ones, because they get no calls.
 */
export function serviceReplicas(
	config: KubeConfig,
	namespace: string,
	service: string,
): Promise<readonly Replica[]> {
	const api = config.makeApiClient(DiscoveryV1Api);
	const server = config.getCurrentCluster()?.server ?? '';
	return calling(server, `listing the replicas of Service ${namespace}/${service}`, async () => {
		const labelSelector = `kubernetes.io/service-name=${service}`;
		const { items } = await api.listNamespacedEndpointSlice({ namespace, labelSelector });
		return items.flatMap(targetsOf).map(({ pod, port }) => ({
			name: `pod ${pod}`,
			presented: () => throughPortForward(config, namespace, pod, port),
		}));
	});
}

/** A webhook outside of the cluster, at the URL that the API server calls. */
export function urlReplica(url: URL): Replica {
	const host = url.hostname.replace(/^\[|\]$/g, '');
	return { name: url.origin, presented: () => presentedBy(url.origin, host, Number(url.port || 443)) };
}

interface Target {
	readonly pod: string;
	readonly port: number;
}

function targetsOf({ endpoints, ports }: V1EndpointSlice): readonly Target[] {
	const port = ports?.[0]?.port;
	if (port === undefined) return [];
	return (endpoints ?? []).flatMap(({ targetRef, conditions }) =>
		targetRef?.kind !== 'Pod' || targetRef.name === undefined || conditions?.terminating === true
			? []
			: [{ pod: targetRef.name, port }],
	);
}

async function throughPortForward(
	config: KubeConfig,
	namespace: string,
	pod: string,
	port: number,
): Promise<PresentedCertificate> {
	const [near, far] = duplexPair();
	const refusal = Promise.withResolvers<never>();
	// The rejection may come after the race has ended.
	refusal.promise.catch(() => undefined);
	const complaints = new PassThrough();
	complaints.on('data', (text: Buffer) =>
		refusal.reject(new CertsFailure(`pod ${pod} cannot be reached: ${text.toString('utf8').trim()}`)),
	);
	const socket = await new PortForward(config)
		.portForward(namespace, pod, [port], far, complaints, far)
		.catch((thrown: unknown) => {
			const reason = thrown instanceof Error ? thrown.message : 'the connection failed';
			throw new CertsFailure(`the port-forward to pod ${pod} was refused: ${reason}`);
		});
	try {
		return await Promise.race([presentedThrough(`pod ${pod}`, near), refusal.promise]);
	} finally {
		if (typeof socket !== 'function') socket.close();
	}
}
