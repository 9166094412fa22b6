import type { V1MutatingWebhookConfiguration, V1Secret } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import { err, ok, type Result } from '../../../contract/result.ts';
import type { KubernetesClient } from '../../../lib/kubernetes/client.ts';
import type { ApiFailure } from '../../../lib/kubernetes/failure.ts';
import { watchList } from '../../../lib/kubernetes/watch.ts';
import {
	bundlePatch,
	encodeSecret,
	type ObservedSecret,
	type ObservedWebhookConfiguration,
	observeSecret,
	observeWebhookConfiguration,
} from './objects.ts';
import type { Data } from './secret-codec.ts';

/** The Secret with the certificates, and the MutatingWebhookConfiguration that must trust them. */
export interface ObjectNames {
	readonly secret: { readonly namespace: string; readonly name: string };
	readonly webhookConfiguration: string;
}

/** The last known state of both objects. */
export interface ObservedObjects {
	readonly secret: ObservedSecret;
	/** Undefined if it does not exist. */
	readonly webhookConfiguration: ObservedWebhookConfiguration | undefined;
}

/** The result of a write. A conflict is not a failure: the watch will deliver what the other writer wrote. */
export type WriteResult = Result<'written' | 'conflict'>;

/** The two objects in the cluster. */
export interface CertificateObjects {
	/** Undefined until both are known. */
	observed(): ObservedObjects | undefined;
	writeSecret(seen: ObservedSecret, data: Data): Promise<WriteResult>;
	/** Sets this `caBundle` (PEM text) for every webhook of the webhook configuration. */
	writeBundle(seen: ObservedWebhookConfiguration, bundle: string): Promise<WriteResult>;
	/** The current webhook configuration, read from the API server instead of the watch. */
	readWebhookConfiguration(): Promise<Result<ObservedWebhookConfiguration | undefined>>;
	close(): void;
}

const WEBHOOK_CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const MANAGER = 'fieldManager=envtier-webhook';
/** The object differs from the observed one: it was changed or created (409), or deleted (404). */
const CONFLICT: readonly (number | undefined)[] = [404, 409];
/** A JSON Patch whose test failed, or a forbidden change. */
const UNPROCESSABLE = 422;

/** Watches both objects. Calls `changed` for every change. */
export function followObjects(
	client: KubernetesClient,
	{ secret, webhookConfiguration }: ObjectNames,
	changed: () => void,
	log: Logger,
): CertificateObjects {
	const secrets = `/api/v1/namespaces/${encodeURIComponent(secret.namespace)}/secrets`;
	const path = `${WEBHOOK_CONFIGURATIONS}/${encodeURIComponent(webhookConfiguration)}`;
	const named = (name: string) => ({ fieldSelector: `metadata.name=${name}` });
	const watchedSecret = watchList<ObservedSecret>(
		client,
		{
			path: secrets,
			query: named(secret.name),
			changed,
			keep: (object) => observeSecret(object as V1Secret),
		},
		log,
	);
	const watchedWebhookConfiguration = watchList<ObservedWebhookConfiguration>(
		client,
		{
			path: WEBHOOK_CONFIGURATIONS,
			query: named(webhookConfiguration),
			changed,
			keep: (object) => observeWebhookConfiguration(object as V1MutatingWebhookConfiguration),
		},
		log,
	);
	const readWebhookConfiguration: CertificateObjects['readWebhookConfiguration'] = async () => {
		const answer = await client.call<V1MutatingWebhookConfiguration>({ method: 'GET', path });
		if (answer.ok) return ok(observeWebhookConfiguration(answer.value));
		if (answer.error.status === 404) return ok(undefined);
		return err(
			`reading the webhook configuration ${webhookConfiguration}: the API server ${answer.error.message}`,
		);
	};
	return {
		observed: () => {
			const [own, registered] = [watchedSecret.current(), watchedWebhookConfiguration.current()];
			if (own === undefined || registered === undefined) return undefined;
			const [found = observeSecret(undefined)] = own.values();
			return { secret: found, webhookConfiguration: [...registered.values()][0] };
		},
		writeSecret: async (seen, data) => {
			const body = encodeSecret(seen, secret, data);
			const exists = seen.object !== undefined;
			const at = exists ? `${secrets}/${encodeURIComponent(secret.name)}` : secrets;
			const method = exists ? 'PUT' : 'POST';
			const answer = await client.call({ method, path: `${at}?${MANAGER}`, body });
			return writeResult(answer, `writing the Secret ${secret.namespace}/${secret.name}`, exists);
		},
		writeBundle: async (seen, bundle) => {
			const answer = await client.call({
				...{ method: 'PATCH', path: `${path}?${MANAGER}`, body: bundlePatch(seen, bundle) },
				contentType: 'application/json-patch+json',
			});
			if (!answer.ok && answer.error.status === UNPROCESSABLE) {
				const fresh = await readWebhookConfiguration();
				if (!fresh.ok) return fresh;
				if (fresh.value?.resourceVersion !== seen.resourceVersion) return ok('conflict');
			}
			return writeResult(
				answer,
				`writing the caBundle of the webhook configuration ${webhookConfiguration}`,
				true,
			);
		},
		readWebhookConfiguration,
		close: () => {
			watchedSecret.close();
			watchedWebhookConfiguration.close();
		},
	};
}

/**
 * @param exists whether the object existed: then 404 means that it was deleted, else that its namespace is
 * missing
 */
function writeResult(answer: Result<unknown, ApiFailure>, doing: string, exists: boolean): WriteResult {
	if (answer.ok) return ok('written');
	const { status, message } = answer.error;
	if (CONFLICT.includes(status) && (exists || status !== 404)) return ok('conflict');
	return err(`${doing}: the API server ${message}`);
}
