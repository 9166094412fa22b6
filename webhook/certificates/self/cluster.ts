import type { V1MutatingWebhookConfiguration, V1Secret } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import { err, ok, type Result } from '../../../contract/result.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import type { ApiFailure } from '../../kubernetes/failure.ts';
import { watchList } from '../../kubernetes/watch.ts';
import {
	bundlePatch,
	type RegistrationSeen,
	type SecretSeen,
	secretOf,
	seenRegistration,
	seenSecret,
} from './objects.ts';
import type { Data } from './stored.ts';

/** Which Secret holds the certificates, and which MutatingWebhookConfiguration is to trust them. */
export interface Places {
	readonly secret: { readonly namespace: string; readonly name: string };
	readonly registration: string;
}

/** Both objects as they were last heard of. */
export interface Seen {
	readonly secret: SecretSeen;
	/** Undefined when there is none. */
	readonly registration: RegistrationSeen | undefined;
}

/** What came of a write: somebody else having been faster is no failure, for a watch will tell what they wrote. */
export type Written = Result<'written' | 'outrun'>;

/** The two objects in the cluster. */
export interface CertificateObjects {
	/** Undefined until both have been heard of. */
	seen(): Seen | undefined;
	writeSecret(seen: SecretSeen, data: Data): Promise<Written>;
	/** Gives every webhook of the registration this `caBundle`, PEM text. */
	writeBundle(seen: RegistrationSeen, bundle: string): Promise<Written>;
	/** The registration as it is at this moment, rather than as it was last heard of. */
	readRegistration(): Promise<Result<RegistrationSeen | undefined>>;
	close(): void;
}

const REGISTRATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const MANAGER = 'fieldManager=envtier-webhook';
/** The object is another than we saw: changed or made (409), or gone (404). */
const OUTRUN: readonly (number | undefined)[] = [404, 409];
/** A JSON Patch whose test fails, or a change that is not allowed. */
const UNPROCESSABLE = 422;

/** Follows both objects; `changed` is called whenever there is something new. */
export function followObjects(
	client: KubernetesClient,
	{ secret, registration }: Places,
	changed: () => void,
	log: Logger,
): CertificateObjects {
	const secrets = `/api/v1/namespaces/${encodeURIComponent(secret.namespace)}/secrets`;
	const path = `${REGISTRATIONS}/${encodeURIComponent(registration)}`;
	const named = (name: string) => ({ fieldSelector: `metadata.name=${name}` });
	const watchedSecret = watchList<SecretSeen>(
		client,
		{
			...{ path: secrets, query: named(secret.name), changed },
			keep: (object) => seenSecret(object as V1Secret),
		},
		log,
	);
	const watchedRegistration = watchList<RegistrationSeen>(
		client,
		{
			...{ path: REGISTRATIONS, query: named(registration), changed },
			keep: (object) => seenRegistration(object as V1MutatingWebhookConfiguration),
		},
		log,
	);
	const readRegistration: CertificateObjects['readRegistration'] = async () => {
		const answer = await client.call<V1MutatingWebhookConfiguration>({ method: 'GET', path });
		if (answer.ok) return ok(seenRegistration(answer.value));
		if (answer.error.status === 404) return ok(undefined);
		return err(`reading the registration ${registration}: the API server ${answer.error.message}`);
	};
	return {
		seen: () => {
			const [own, registered] = [watchedSecret.current(), watchedRegistration.current()];
			if (own === undefined || registered === undefined) return undefined;
			const [found = seenSecret(undefined)] = own.values();
			return { secret: found, registration: [...registered.values()][0] };
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
				const fresh = await readRegistration();
				if (!fresh.ok) return fresh;
				if (fresh.value?.resourceVersion !== seen.resourceVersion) return ok('outrun');
			}
			return outcome(answer, `writing the caBundle of the registration ${registration}`, true);
		},
		readRegistration,
		close: () => {
			watchedSecret.close();
			watchedRegistration.close();
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
