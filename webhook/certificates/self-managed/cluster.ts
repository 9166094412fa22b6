import type { V1MutatingWebhookConfiguration, V1Secret } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import { err, ok, type Result } from '../../../contract/result.ts';
import type { KubernetesClient } from '../../../lib/kubernetes/client.ts';
import type { ApiFailure } from '../../../lib/kubernetes/failure.ts';
import { watchList } from '../../../lib/kubernetes/watch.ts';
import {
	bundlePatch,
	type SecretSeen,
	secretOf,
	seenSecret,
	seenWebhookConfiguration,
	type WebhookConfigurationSeen,
} from './objects.ts';
import type { Data } from './secret-codec.ts';

/** Which Secret holds the certificates, and which MutatingWebhookConfiguration is to trust them. */
export interface Places {
	readonly secret: { readonly namespace: string; readonly name: string };
	readonly webhookConfiguration: string;
}

/** Both objects as they were last heard of. */
export interface Seen {
	readonly secret: SecretSeen;
	/** Undefined when there is none. */
	readonly webhookConfiguration: WebhookConfigurationSeen | undefined;
}

/** What came of a write: somebody else having been faster is no failure, for a watch will tell what they wrote. */
export type Written = Result<'written' | 'outrun'>;

/** The two objects in the cluster. */
export interface CertificateObjects {
	/** Undefined until both have been heard of. */
	seen(): Seen | undefined;
	writeSecret(seen: SecretSeen, data: Data): Promise<Written>;
	/** Gives every webhook of the webhook configuration this `caBundle`, PEM text. */
	writeBundle(seen: WebhookConfigurationSeen, bundle: string): Promise<Written>;
	/** The webhook configuration as it is at this moment, rather than as it was last heard of. */
	readWebhookConfiguration(): Promise<Result<WebhookConfigurationSeen | undefined>>;
	close(): void;
}

const WEBHOOK_CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const MANAGER = 'fieldManager=envtier-webhook';
/** The object is another than we saw: changed or made (409), or gone (404). */
const OUTRUN: readonly (number | undefined)[] = [404, 409];
/** A JSON Patch whose test fails, or a change that is not allowed. */
const UNPROCESSABLE = 422;

/** Follows both objects; `changed` is called whenever there is something new. */
export function followObjects(
	client: KubernetesClient,
	{ secret, webhookConfiguration }: Places,
	changed: () => void,
	log: Logger,
): CertificateObjects {
	const secrets = `/api/v1/namespaces/${encodeURIComponent(secret.namespace)}/secrets`;
	const path = `${WEBHOOK_CONFIGURATIONS}/${encodeURIComponent(webhookConfiguration)}`;
	const named = (name: string) => ({ fieldSelector: `metadata.name=${name}` });
	const watchedSecret = watchList<SecretSeen>(
		client,
		{
			...{ path: secrets, query: named(secret.name), changed },
			keep: (object) => seenSecret(object as V1Secret),
		},
		log,
	);
	const watchedWebhookConfiguration = watchList<WebhookConfigurationSeen>(
		client,
		{
			...{ path: WEBHOOK_CONFIGURATIONS, query: named(webhookConfiguration), changed },
			keep: (object) => seenWebhookConfiguration(object as V1MutatingWebhookConfiguration),
		},
		log,
	);
	const readWebhookConfiguration: CertificateObjects['readWebhookConfiguration'] = async () => {
		const answer = await client.call<V1MutatingWebhookConfiguration>({ method: 'GET', path });
		if (answer.ok) return ok(seenWebhookConfiguration(answer.value));
		if (answer.error.status === 404) return ok(undefined);
		return err(
			`reading the webhook configuration ${webhookConfiguration}: the API server ${answer.error.message}`,
		);
	};
	return {
		seen: () => {
			const [own, registered] = [watchedSecret.current(), watchedWebhookConfiguration.current()];
			if (own === undefined || registered === undefined) return undefined;
			const [found = seenSecret(undefined)] = own.values();
			return { secret: found, webhookConfiguration: [...registered.values()][0] };
		},
		writeSecret: async (seen, data) => {
			const body = secretOf(seen, secret, data);
			const there = seen.object !== undefined;
			const at = there ? `${secrets}/${encodeURIComponent(secret.name)}` : secrets;
			const method = there ? 'PUT' : 'POST';
			const answer = await client.call({ method, path: `${at}?${MANAGER}`, body });
			return outcome(answer, `writing the Secret ${secret.namespace}/${secret.name}`, there);
		},
		writeBundle: async (seen, bundle) => {
			const answer = await client.call({
				...{ method: 'PATCH', path: `${path}?${MANAGER}`, body: bundlePatch(seen, bundle) },
				contentType: 'application/json-patch+json',
			});
			if (!answer.ok && answer.error.status === UNPROCESSABLE) {
				const fresh = await readWebhookConfiguration();
				if (!fresh.ok) return fresh;
				if (fresh.value?.resourceVersion !== seen.resourceVersion) return ok('outrun');
			}
			return outcome(
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

/** @param there whether the object was there: a 404 then says that it is gone, else that its namespace is not there */
function outcome(answer: Result<unknown, ApiFailure>, doing: string, there: boolean): Written {
	if (answer.ok) return ok('written');
	const { status, message } = answer.error;
	if (OUTRUN.includes(status) && (there || status !== 404)) return ok('outrun');
	return err(`${doing}: the API server ${message}`);
}
