import type { X509Certificate } from 'node:crypto';
import {
	AdmissionregistrationV1Api,
	type KubeConfig,
	PatchStrategy,
	setHeaderOptions,
	type V1MutatingWebhook,
} from '@kubernetes/client-node';
import { readable } from '../../pki/bundle.ts';
import { calling, hasStatus } from './api-failure.ts';
import { CertsFailure } from './failure.ts';

/** The part of a MutatingWebhookConfiguration that is about our webhook. */
export interface WebhookConfiguration {
	readonly resourceVersion: string;
	/**
	 * All certificates that its webhooks trust. Leaves out blocks that cannot be parsed: no call succeeds with
	 * them.
	 */
	readonly trusted: readonly X509Certificate[];
	/** Positions of the webhooks in the list. */
	readonly positions: readonly number[];
	/** URLs of a webhook outside of the cluster; empty for a Service. */
	readonly urls: readonly URL[];
}

/** The name of the webhook configuration, and the Service that it must call. */
export interface WebhookConfigurationName {
	readonly name: string;
	readonly namespace: string;
	readonly service: string;
}

/** The webhook configuration in a cluster. */
export interface WebhookConfigurationStore {
	/** Undefined when there is none. */
	read(): Promise<WebhookConfiguration | undefined>;
	/** Sets the bundle of every webhook in it, and keeps concurrent changes of other fields. */
	setBundle(bundleOf: BundleOf): Promise<void>;
}

/** Returns the PEM text to trust. Called again after a conflict. */
type BundleOf = (current: WebhookConfiguration) => string;

/** Opens the webhook configuration. */
export function webhookConfigurationStore(
	config: KubeConfig,
	which: WebhookConfigurationName,
): WebhookConfigurationStore {
	const api = config.makeApiClient(AdmissionregistrationV1Api);
	const server = config.getCurrentCluster()?.server ?? '';
	const { name } = which;
	const title = `MutatingWebhookConfiguration ${name}`;
	const read = async (): Promise<WebhookConfiguration | undefined> => {
		try {
			const { metadata, webhooks = [] } = await api.readMutatingWebhookConfiguration({ name });
			if (metadata?.annotations?.['cert-manager.io/inject-ca-from'] !== undefined)
				throw new CertsFailure(`cert-manager keeps the caBundle of ${title}: it is left alone`);
			return pick(webhooks, metadata?.resourceVersion ?? '', which, title);
		} catch (thrown) {
			if (hasStatus(thrown, 404)) return undefined;
			throw thrown;
		}
	};
	const setOnce = async (bundleOf: BundleOf): Promise<void> => {
		const current = await read();
		if (current === undefined) throw new CertsFailure(`${title} is gone`);
		const body = patch(current, bundleOf(current));
		const asJsonPatch = setHeaderOptions('Content-Type', PatchStrategy.JsonPatch);
		await api.patchMutatingWebhookConfiguration({ name, body, fieldManager: 'envtier-certs' }, asJsonPatch);
	};
	return {
		read: () => calling(server, `reading ${title}`, read),
		setBundle: (bundleOf) =>
			calling(server, `writing the caBundle of ${title}`, () => againOnConflict(() => setOnce(bundleOf))),
	};
}

/** Retries after a conflict: another client changed the object between the read and the write. */
async function againOnConflict(once: () => Promise<void>): Promise<void> {
	for (let retries = 4; ; retries -= 1) {
		try {
			return await once();
		} catch (thrown) {
			// A failed "test" of a JSON Patch is a 422.
			if (retries === 0 || !hasStatus(thrown, 409, 422)) throw thrown;
		}
	}
}

function pick(
	webhooks: readonly V1MutatingWebhook[],
	resourceVersion: string,
	{ namespace, service }: WebhookConfigurationName,
	title: string,
): WebhookConfiguration {
	const positions: number[] = [];
	const trusted: X509Certificate[] = [];
	const urls: URL[] = [];
	for (const [position, { clientConfig }] of webhooks.entries()) {
		const target = clientConfig.service;
		if (target !== undefined && (target.name !== service || target.namespace !== namespace)) continue;
		positions.push(position);
		trusted.push(...readable(Buffer.from(clientConfig.caBundle ?? '', 'base64').toString('utf8')));
		if (clientConfig.url !== undefined) urls.push(new URL(clientConfig.url));
	}
	if (positions.length === 0)
		throw new CertsFailure(
			`${title} has no webhook that leads to the Service ${namespace}/${service}: see --namespace, --service and --webhook-configuration`,
		);
	return { resourceVersion, positions, trusted, urls };
}

function patch({ resourceVersion, positions }: WebhookConfiguration, bundle: string): object[] {
	const value = Buffer.from(bundle).toString('base64');
	return [
		{ op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
		...positions.map((position) => ({
			op: 'add',
			path: `/webhooks/${position}/clientConfig/caBundle`,
			value,
		})),
	];
}
