import { CoreV1Api, type KubeConfig, type V1Secret } from '@kubernetes/client-node';
import { calling, hasStatus } from './api-failure.ts';
import { CertsFailure } from './failure.ts';
import type { IssuedCertificate } from './issue.ts';

/** The name of the Secret. */
export interface SecretName {
	readonly namespace: string;
	readonly name: string;
}

/** A Secret of this script, with the version that was read. */
export interface StoredPair {
	readonly caPem: string;
	readonly certPem: string;
	readonly resourceVersion: string;
}

/** Labels of our Secrets. Secrets without them belong to others and must not be overwritten. */
const MANAGED_BY = { 'app.kubernetes.io/managed-by': 'envtier-certs' } as const;

/** The manifest of the Secret that the webhook mounts. It does not contain the CA's private key. */
export function secretManifest({ namespace, name }: SecretName, issued: IssuedCertificate): V1Secret {
	return {
		apiVersion: 'v1',
		kind: 'Secret',
		metadata: { namespace, name, labels: { 'app.kubernetes.io/part-of': 'envtier', ...MANAGED_BY } },
		type: 'kubernetes.io/tls',
		data: {
			'ca.crt': base64(issued.caPem),
			'tls.crt': base64(issued.certPem),
			'tls.key': base64(issued.keyPem),
		},
	};
}

/** The Secret in a cluster. */
export interface SecretStore {
	/** Undefined when there is none. */
	read(): Promise<StoredPair | undefined>;
	/** Creates it, or replaces `previous` if it has not changed. */
	write(issued: IssuedCertificate, previous: StoredPair | undefined): Promise<void>;
}

/** Opens the Secret. */
export function secretStore(config: KubeConfig, which: SecretName): SecretStore {
	const api = config.makeApiClient(CoreV1Api);
	const server = config.getCurrentCluster()?.server ?? '';
	const title = `Secret ${which.namespace}/${which.name}`;
	return {
		read: () =>
			calling(server, `reading ${title}`, async () => {
				const secret = await api.readNamespacedSecret(which).catch((thrown: unknown) => {
					if (hasStatus(thrown, 404)) return undefined;
					throw thrown;
				});
				return secret === undefined ? undefined : ownPair(secret, title);
			}),
		write: (issued, previous) =>
			calling(server, `writing ${title}`, async () => {
				const { namespace, name } = which;
				const body = secretManifest(which, issued);
				try {
					if (previous === undefined) {
						await api.createNamespacedSecret({ namespace, body });
						return;
					}
					const metadata = { ...body.metadata, resourceVersion: previous.resourceVersion };
					await api.replaceNamespacedSecret({ namespace, name, body: { ...body, metadata } });
				} catch (thrown) {
					if (hasStatus(thrown, 409))
						throw new CertsFailure(
							`${title} was changed by someone else meanwhile; nothing was written to it`,
						);
					if (hasStatus(thrown, 404))
						throw new CertsFailure(
							`there is no namespace ${namespace}: apply deploy/manifests first, or name another by --namespace`,
						);
					throw thrown;
				}
			}),
	};
}

function ownPair(secret: V1Secret, title: string): StoredPair {
	const labels = secret.metadata?.labels ?? {};
	const ours = Object.entries(MANAGED_BY).every(([name, value]) => labels[name] === value);
	if (!ours)
		throw new CertsFailure(
			`${title} was not made by this script (${maker(secret)}) and is left alone: name another by --secret, or delete it`,
		);
	const text = (key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
	return {
		caPem: text('ca.crt'),
		certPem: text('tls.crt'),
		resourceVersion: secret.metadata?.resourceVersion ?? '',
	};
}

function maker({ metadata }: V1Secret): string {
	const certificate = metadata?.annotations?.['cert-manager.io/certificate-name'];
	if (certificate !== undefined) return `cert-manager keeps it for its Certificate ${certificate}`;
	const by = metadata?.labels?.['app.kubernetes.io/managed-by'];
	return by === undefined ? 'it lacks the label app.kubernetes.io/managed-by' : `it is managed by ${by}`;
}

function base64(text: string): string {
	return Buffer.from(text).toString('base64');
}
