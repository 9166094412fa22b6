import type { V1MutatingWebhookConfiguration, V1Secret } from '@kubernetes/client-node';
import { readable } from '../../../pki/bundle.ts';
import { certificateInfo, type Data, KEYS } from './secret-codec.ts';
import type { Trust } from './state.ts';

/** The label of our Secret. Secrets of others are never written. */
const MANAGED_BY = { 'app.kubernetes.io/managed-by': 'envtier-webhook' } as const;

/** The Secret in the API server. */
export interface ObservedSecret {
	/** Undefined if it does not exist. */
	readonly object: V1Secret | undefined;
	/** Our keys, decoded. */
	readonly data: Data;
	/** Why it must not be written; undefined if it may. */
	readonly writeProblem: string | undefined;
}

const OWN_KEYS: readonly string[] = Object.values(KEYS);
/** The type of a Secret without a special meaning. */
const OPAQUE = 'Opaque';

/** Decodes the Secret, or its absence. An empty Opaque Secret may be used, whoever created it. */
export function observeSecret(object: V1Secret | undefined): ObservedSecret {
	const raw = object?.data ?? {};
	const entries = Object.entries(raw).filter(([name]) => OWN_KEYS.includes(name));
	const labels = object?.metadata?.labels ?? {};
	const isOurs = Object.entries(MANAGED_BY).every(([name, value]) => labels[name] === value);
	const { namespace, name } = object?.metadata ?? {};
	const isEmpty = Object.keys(raw).length === 0 && (object?.type ?? OPAQUE) === OPAQUE;
	return {
		object,
		data: Object.fromEntries(
			entries.map(([key, text]) => [key, Buffer.from(text, 'base64').toString('utf8')]),
		),
		writeProblem:
			isOurs || isEmpty
				? undefined
				: `the Secret ${namespace}/${name} was not made by the webhook and is left alone: delete it, or name another in ENVTIER_CERTIFICATES_SECRET`,
	};
}

/** The Secret to write. Keys of others are kept. */
export function encodeSecret(
	{ object }: ObservedSecret,
	{ namespace, name }: { readonly namespace: string; readonly name: string },
	data: Data,
): V1Secret {
	const { managedFields: _, ...metadata } = object?.metadata ?? {};
	const others = Object.entries(object?.data ?? {}).filter(([key]) => !OWN_KEYS.includes(key));
	const isOurs = Object.entries(data).map(
		([key, text]) => [key, Buffer.from(text).toString('base64')] as const,
	);
	const labels = { 'app.kubernetes.io/part-of': 'envtier', ...metadata.labels, ...MANAGED_BY };
	return {
		apiVersion: 'v1',
		kind: 'Secret',
		metadata: { ...metadata, namespace, name, labels },
		type: object?.type ?? OPAQUE,
		data: Object.fromEntries([...others, ...isOurs]),
	};
}

/** The webhook configuration in the API server. */
export interface ObservedWebhookConfiguration {
	readonly resourceVersion: string;
	readonly trust: Trust;
	/** PEM text of the trusted certificates by id. */
	readonly pems: ReadonlyMap<string, string>;
	/** Why its `caBundle` must not be written; undefined if it may. */
	readonly writeProblem: string | undefined;
}

/** Annotations of cert-manager, which may manage the `caBundle` as well. */
const CERT_MANAGER = /^cert-manager\.io\/inject-/;

/** Decodes the webhook configuration. Unreadable parts of a `caBundle` count as absent. */
export function observeWebhookConfiguration({
	metadata,
	webhooks = [],
}: V1MutatingWebhookConfiguration): ObservedWebhookConfiguration {
	const bundles = webhooks.map(({ clientConfig }) =>
		readable(Buffer.from(clientConfig.caBundle ?? '', 'base64').toString('utf8')),
	);
	const certManagerAnnotation = Object.keys(metadata?.annotations ?? {}).find((name) =>
		CERT_MANAGER.test(name),
	);
	return {
		resourceVersion: metadata?.resourceVersion ?? '',
		trust: bundles.map((bundle) => bundle.map(certificateInfo)),
		pems: new Map(bundles.flat().map((one) => [one.fingerprint256, one.toString()])),
		writeProblem:
			certManagerAnnotation === undefined
				? undefined
				: `cert-manager keeps the caBundle of the webhook configuration: take its annotation ${certManagerAnnotation} away, or set ENVTIER_CERTIFICATES to "files"`,
	};
}

/**
 * A JSON Patch that sets this `caBundle` (PEM text) for every webhook of the observed webhook configuration.
 */
export function bundlePatch(
	{ resourceVersion, trust }: ObservedWebhookConfiguration,
	bundle: string,
): readonly object[] {
	const value = Buffer.from(bundle).toString('base64');
	return [
		{ op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
		...trust.map((_, position) => ({
			op: 'add',
			path: `/webhooks/${position}/clientConfig/caBundle`,
			value,
		})),
	];
}
