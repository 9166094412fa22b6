/** Group, version and collection of the ManagedSecret. */
const GROUP = 'envtier.dev';
export const API_VERSION = `${GROUP}/v1alpha1`;
export const KIND = 'ManagedSecret';
export const PLURAL = 'managedsecrets';

/**
 * The prefix of everything that is written on a Secret. It is not that of pods, so that the webhook never
 * looks at it.
 */
const PREFIX = 'secret.envtier.dev/';

/** Label of each Secret that a ManagedSecret owns. The controller watches Secrets that have it. */
export const MANAGED_LABEL = `${PREFIX}managed`;
/** Annotation: name of the ManagedSecret that owns the Secret. */
export const OWNER_ANNOTATION = `${PREFIX}owner`;
/** Annotation: `created`, or `adopted` if the Secret was there before. */
export const ORIGIN_ANNOTATION = `${PREFIX}origin`;
/** Annotation: the keys that the ManagedSecret has written, sorted. All others belong to somebody else. */
export const KEYS_ANNOTATION = `${PREFIX}keys`;
/** Annotation: the labels that the ManagedSecret has written, sorted. */
export const LABELS_ANNOTATION = `${PREFIX}labels`;
/** Annotation that a person writes: name of the ManagedSecret that may take the Secret over. */
export const ADOPT_ANNOTATION = `${PREFIX}adopt`;

/** The types that a Secret may have. Others have a meaning to the cluster itself (tokens, bootstrap). */
export const SECRET_TYPES = [
	'Opaque',
	'kubernetes.io/tls',
	'kubernetes.io/dockerconfigjson',
	'kubernetes.io/basic-auth',
	'kubernetes.io/ssh-auth',
] as const;
export type SecretType = (typeof SECRET_TYPES)[number];

/** Upper bounds: keys of one Secret, labels, bytes of all values (Kubernetes: MaxSecretSize). */
export const MAX_KEYS = 100;
export const MAX_LABELS = 32;
export const MAX_BYTES = 1024 * 1024;

const DATA_KEY = /^[-._a-zA-Z0-9]{1,253}$/;

/** Whether a name can be a key of a Secret's data (Kubernetes: IsConfigMapKey). */
export function isDataKey(name: string): boolean {
	return DATA_KEY.test(name) && name !== '.' && !name.startsWith('..');
}

/** Domains whose labels mean something to the cluster, to a GitOps tool or to Envtier. */
const RESERVED_DOMAINS = ['kubernetes.io', 'k8s.io', 'argocd.argoproj.io', GROUP];

/** Whether a label of this key is refused: its prefix is a reserved domain, or a name below one. */
export function isReservedLabel(key: string): boolean {
	const [domain = '', name] = key.split('/');
	return name !== undefined && RESERVED_DOMAINS.some((one) => domain === one || domain.endsWith(`.${one}`));
}
