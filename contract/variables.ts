/** One `ENVTIER_*` variable: the programs that read it, its meaning, and its default. */
export interface Variable {
	readonly readBy: readonly ('webhook' | 'fetcher')[];
	readonly meaning: string;
	/** The default as text; undefined if there is none. */
	readonly default?: string;
	/** True if the process does not start without it. */
	readonly required?: true;
}

/** Maximum of `ENVTIER_DEADLINE`, in seconds. */
export const DEADLINE_MAX = 3600;

const webhook = ['webhook'] as const;
const fetcher = ['fetcher'] as const;
const both = ['webhook', 'fetcher'] as const;

/**
 * All settings of the webhook and the fetcher. Images, manifests and tests use the same names. An operator
 * sets the variables that both read on the webhook, which copies them to the init container.
 */
export const VARIABLES = {
	ENVTIER_LISTEN: { readBy: webhook, meaning: 'address and port to serve on', default: '0.0.0.0:8443' },
	ENVTIER_CERTIFICATES: {
		readBy: webhook,
		meaning:
			'where the serving certificate comes from: files, which others write, or self: the webhook makes and renews it, keeps it in a Secret and has the webhook configuration trust it',
		default: 'files',
	},
	ENVTIER_TLS_CERT_FILE: {
		readBy: webhook,
		meaning:
			'with files, required: PEM file of the serving certificate and its chain, re-read when it changes',
	},
	ENVTIER_TLS_KEY_FILE: {
		readBy: webhook,
		meaning: 'with files, required: PEM file of the private key, re-read when it changes',
	},
	ENVTIER_CERTIFICATES_SECRET: {
		readBy: webhook,
		meaning: 'with self: namespace and name of the Secret that all replicas share',
		default: 'envtier-system/envtier-webhook-certificates',
	},
	ENVTIER_CERTIFICATES_WEBHOOK_CONFIGURATION: {
		readBy: webhook,
		meaning: 'with self: name of the MutatingWebhookConfiguration whose caBundle the webhook writes',
		default: 'envtier',
	},
	ENVTIER_CERTIFICATES_NAMES: {
		readBy: webhook,
		meaning: 'with self: DNS names and addresses that the certificate is for, comma-separated',
		default: 'envtier-webhook.envtier-system.svc',
	},
	ENVTIER_CERTIFICATES_LIFE: {
		readBy: webhook,
		meaning:
			'with self: validity of a certificate (90d, 12h, 30m, 10s); it is renewed after two thirds of it',
		default: '90d',
	},
	ENVTIER_CERTIFICATES_CA_LIFE: {
		readBy: webhook,
		meaning:
			'with self: validity of a CA, at least twice that of a certificate; it is replaced after two thirds of it',
		default: '730d',
	},
	ENVTIER_CERTIFICATES_SETTLE: {
		readBy: webhook,
		meaning:
			'with self: how long a new CA must be in the caBundle before it signs, so that every API server has read it',
		default: '10s',
	},
	ENVTIER_KUBECONFIG: {
		readBy: webhook,
		meaning:
			'kubeconfig file of the cluster, for a webhook that runs outside of it; unset: the service account of its pod',
	},
	ENVTIER_CLIENT_CA: {
		readBy: webhook,
		meaning:
			'PEM text of CA certificates: callers of /mutate must then present a client certificate of one of them; unset: anybody may call',
	},
	ENVTIER_CLIENT_NAMES: {
		readBy: webhook,
		meaning: 'common names that such a certificate may have, comma-separated; unset: any',
	},
	ENVTIER_FETCHER_IMAGE: { readBy: webhook, required: true, meaning: 'image of the init container' },
	ENVTIER_FETCHER_PULL_POLICY: {
		readBy: webhook,
		meaning: 'pull policy of that image: Always, IfNotPresent or Never; unset: Kubernetes decides by the tag',
	},
	ENVTIER_FETCHER_PULL_SECRETS: {
		readBy: webhook,
		meaning:
			'names of the Secrets that the fetcher’s image is pulled with, comma-separated: added to those of the pod, in whose namespace they must exist; unset: none',
	},
	ENVTIER_FETCHER_REQUESTS: {
		readBy: webhook,
		meaning:
			'resource requests of the init container: cpu, memory and, where a quota asks for it, ephemeral-storage',
		default: 'cpu=50m,memory=64Mi',
	},
	ENVTIER_FETCHER_LIMITS: {
		readBy: webhook,
		meaning:
			'resource limits of the init container, of the same resources; less than half a CPU slows every pod’s start',
		default: 'cpu=500m,memory=128Mi',
	},
	ENVTIER_VOLUME_SIZE: {
		readBy: webhook,
		meaning: 'size limit of the in-memory volume; it counts against the memory limit above',
		default: '16Mi',
	},
	ENVTIER_NATIVE_ENV: {
		readBy: webhook,
		meaning:
			'whether pods may ask for native environment variables, which need Kubernetes 1.35: true, false, or auto to ask the API server for its version',
		default: 'auto',
	},
	ENVTIER_REFRESH_REQUESTS: {
		readBy: webhook,
		meaning: 'resource requests of the sidecar that keeps files current (envtier.dev/refresh)',
		default: 'cpu=5m,memory=48Mi',
	},
	ENVTIER_REFRESH_LIMITS: {
		readBy: webhook,
		meaning: 'resource limits of that sidecar; the files of three generations count against its memory',
		default: 'cpu=100m,memory=128Mi',
	},
	ENVTIER_IN_PLACE_RESTART: {
		readBy: webhook,
		meaning:
			'whether pods may ask for a restart of all their containers in place, which needs Kubernetes 1.36 on API server and nodes: true, false, or auto to ask the API server for its version',
		default: 'auto',
	},
	ENVTIER_EVENTS: {
		readBy: webhook,
		meaning:
			'"true" writes an Event on the Deployment or CronJob whose pods are refused or injected with a warning; needs a cluster, and rights there',
		default: 'true',
	},
	ENVTIER_DEFAULT_ORG: {
		readBy: webhook,
		meaning: 'organization of pods that name none, in namespaces that name none',
	},
	ENVTIER_ORG_LABEL: {
		readBy: webhook,
		meaning:
			'how the label envtier.dev/org of a namespace is used: ignore, default (the organization of pods there that name none), or enforce (no pod there may name another one)',
		default: 'default',
	},
	ENVTIER_DEFAULT_ROLE: {
		readBy: webhook,
		meaning:
			'Vault role of pods that name none; {namespace} and {serviceAccount} are replaced by the pod’s own. With “_” between them each service account has its own role, because no name contains “_”',
		default: '{namespace}_{serviceAccount}',
	},
	ENVTIER_DEFAULT_UID: {
		readBy: webhook,
		meaning: 'UID that the fetcher runs as when neither the pod nor its annotations name one',
		default: '65532',
	},
	ENVTIER_TOKEN_AUDIENCE: {
		readBy: webhook,
		meaning: 'audience of the projected service-account token that logs in to Vault',
		default: 'vault',
	},
	ENVTIER_VAULT_ADDR: {
		readBy: both,
		required: true,
		meaning: 'Vault’s address, https://host:port, with a path where Vault is served below one',
	},
	ENVTIER_VAULT_TLS_NAME: {
		readBy: both,
		meaning:
			'DNS name that Vault’s certificate must have and that is sent as the TLS server name; unset: the host of the address',
	},
	ENVTIER_VAULT_PROXY: {
		readBy: both,
		meaning:
			'HTTP proxy that connections to Vault go through (CONNECT), http://host:port; TLS is verified end to end with Vault. HTTPS_PROXY and the like are never read',
	},
	ENVTIER_VAULT_INSECURE_HTTP: {
		readBy: both,
		meaning: '"true" accepts an http:// address: tokens and secrets then cross the network in clear text',
		default: 'false',
	},
	ENVTIER_VAULT_CA: {
		readBy: both,
		meaning:
			'PEM text of the CA certificates that Vault’s certificate is checked against; unset: the system’s',
	},
	ENVTIER_VAULT_NAMESPACE: { readBy: both, meaning: 'Vault namespace' },
	ENVTIER_VAULT_AUTH_MOUNT: {
		readBy: both,
		meaning: 'mount of the kubernetes or jwt auth method to log in with',
		default: 'kubernetes',
	},
	ENVTIER_VAULT_KV_MOUNT: { readBy: both, meaning: 'mount of the KV secrets engine', default: 'secret' },
	ENVTIER_VAULT_KV_VERSION: { readBy: both, meaning: 'version of that engine, 1 or 2', default: '2' },
	ENVTIER_VAULT_TRANSIT_MOUNT: {
		readBy: both,
		meaning: 'mount of the transit secrets engine that decrypts sealed values',
		default: 'transit',
	},
	ENVTIER_VAULT_ROLE: { readBy: fetcher, required: true, meaning: 'Vault role to log in with' },
	ENVTIER_TOKEN_FILE: {
		readBy: fetcher,
		meaning: 'file of the service-account token to log in with',
		default: '/var/run/secrets/envtier.dev/token',
	},
	ENVTIER_ORG: { readBy: fetcher, meaning: 'organization whose tier is read' },
	ENVTIER_DEPLOYMENT: { readBy: fetcher, required: true, meaning: 'deployment whose tier is read' },
	ENVTIER_SERVICE: { readBy: fetcher, meaning: 'service whose tier is read' },
	ENVTIER_TIERS: {
		readBy: fetcher,
		meaning: 'tiers to read; a tier named here must have its name set; unset: every tier whose name is set',
	},
	ENVTIER_REQUIRE: { readBy: fetcher, meaning: 'keys that must exist after the merge, comma-separated' },
	ENVTIER_FORMAT: {
		readBy: fetcher,
		meaning: 'formats to write: shell, dotenv, json, files, or none for no file that a container reads',
		default: 'shell',
	},
	ENVTIER_ALLOW: {
		readBy: fetcher,
		meaning:
			'variables that make programs run code and may be written, comma-separated; unset: such a variable fails the fetch',
	},
	ENVTIER_ENV_KEYS: {
		readBy: fetcher,
		meaning:
			'keys to write for the kubelet, which delivers them to containers as native environment variables',
	},
	ENVTIER_KEYS: {
		readBy: fetcher,
		meaning: 'keys to write to that directory: KEY or NAME=KEY, or "*" for all; unset, and no prefix: all',
	},
	ENVTIER_PREFIX: {
		readBy: fetcher,
		meaning: 'also write keys with this prefix: PREFIX, or OTHER=PREFIX to replace it by OTHER',
	},
	ENVTIER_EMPTY: {
		readBy: both,
		meaning:
			'what happens to a secret with an empty value: refuse (the pod does not start), skip (the key counts as missing in that tier) or keep; for pods without envtier.dev/empty',
		default: 'refuse',
	},
	ENVTIER_OUT: {
		readBy: fetcher,
		meaning:
			'directory to write to; further ones are ENVTIER_OUT_2 and so on, each with its own ENVTIER_KEYS_2 and ENVTIER_PREFIX_2',
		default: '/secrets',
	},
	ENVTIER_MODE: {
		readBy: fetcher,
		meaning:
			'once (an init container that revokes its token), initial (an init container that leaves its token to the sidecar) or refresh (the sidecar)',
		default: 'once',
	},
	ENVTIER_REFRESH: {
		readBy: fetcher,
		meaning: 'seconds between two checks of the sidecar, 10 to 86400; unset: it was not asked for',
	},
	ENVTIER_ON_CHANGE: {
		readBy: fetcher,
		meaning: 'what happens after a change (envtier.dev/on-change)',
		default: 'none',
	},
	ENVTIER_SPREAD: {
		readBy: fetcher,
		meaning:
			'seconds within which a pod restarts its containers after a change (envtier.dev/spread), 10 to 86400; unset: the period',
	},
	ENVTIER_PRIVATE_DIR: {
		readBy: fetcher,
		meaning: 'directory of the private file, which only the fetcher and its sidecar see',
		default: '/var/lib/envtier.dev',
	},
	ENVTIER_REQUEST_FILE: {
		readBy: fetcher,
		meaning:
			'file with the pod’s annotation envtier.dev/refresh-requested, through which `envtier refresh` asks the sidecar for a check',
	},
	ENVTIER_DEADLINE: {
		readBy: both,
		meaning: `seconds for the whole fetch, 1 to ${DEADLINE_MAX}`,
		default: '60',
	},
	ENVTIER_TERMINATION_LOG: {
		readBy: fetcher,
		meaning: 'file for the termination message, written only if it exists already (the kubelet creates it)',
		default: '/dev/termination-log',
	},
	ENVTIER_LOG_FORMAT: {
		readBy: webhook,
		meaning: 'json, text for people, or auto: text on a terminal, JSON elsewhere',
		default: 'auto',
	},
	ENVTIER_LOG_LEVEL: {
		readBy: both,
		meaning: 'trace, debug, info, warn, error, fatal or silent',
		default: 'info',
	},
} as const satisfies Record<`ENVTIER_${string}`, Variable>;

/** Settings with one variable for each key. The variable's name is this prefix and the key. */
export const KEYED_ANNOTATIONS = {
	ENVTIER_SEALED_: {
		readBy: fetcher,
		meaning: 'sealed value of that key, which Vault decrypts (envtier.dev/sealed.KEY)',
	},
	ENVTIER_LEASE_: {
		readBy: fetcher,
		meaning: 'Vault path that issues the dynamic secret of that name (envtier.dev/lease.NAME)',
	},
	ENVTIER_COMPOSE_: {
		readBy: fetcher,
		meaning: 'template of the value of that key, composed from secrets (envtier.dev/compose.KEY)',
	},
} as const satisfies Record<`ENVTIER_${string}_`, Variable>;

/** The prefix of such a variable's name. */
export type KeyedAnnotationName = keyof typeof KEYED_ANNOTATIONS;

/** The name of a setting. */
export type VariableName = keyof typeof VARIABLES;

/** Those that the secrets API and the controller read as well. */
export const SHARED_VARIABLES = [
	'ENVTIER_VAULT_ADDR',
	'ENVTIER_VAULT_INSECURE_HTTP',
	'ENVTIER_VAULT_CA',
	'ENVTIER_VAULT_TLS_NAME',
	'ENVTIER_VAULT_NAMESPACE',
	'ENVTIER_VAULT_AUTH_MOUNT',
	'ENVTIER_VAULT_KV_MOUNT',
	'ENVTIER_LOG_LEVEL',
] as const satisfies readonly VariableName[];
