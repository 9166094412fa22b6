/** One variable of the controller: its meaning and its default. */
export interface ControllerVariable {
	readonly meaning: string;
	readonly default?: string;
}

/** Bounds of the numbers below: seconds, seconds, workloads. */
export const PERIOD = { min: 1, max: 3600 } as const;
export const BATCH = { min: 0, max: 600 } as const;
export const LIMIT = { min: 1, max: 1000 } as const;
/** ManagedSecrets at the same time. */
export const WORKERS = { min: 1, max: 64 } as const;
/** Passwords in a minute. */
export const ROTATION_RATE = { min: 1, max: 6_000 } as const;

/** The settings that only the controller reads. Vault's variables are those of webhook and API. */
export const CONTROLLER_VARIABLES = {
	ENVTIER_CONTROLLER_LISTEN: {
		meaning: 'address and port of /healthz, /readyz and /metrics, over plain HTTP',
		default: '0.0.0.0:8080',
	},
	ENVTIER_CONTROLLER_ROLLOUTS: {
		meaning: '"true" rolls workloads whose pods say envtier.dev/on-change: rollout',
		default: 'false',
	},
	ENVTIER_CONTROLLER_PERIOD: {
		meaning: `seconds between two looks at the versions in Vault, ${PERIOD.min} to ${PERIOD.max}; each one is up to 20 % longer or shorter`,
		default: '60',
	},
	ENVTIER_CONTROLLER_BATCH: {
		meaning: `seconds from the first change of a workload’s secrets to its rollout, ${BATCH.min} to ${BATCH.max}: later changes join it`,
		default: '30',
	},
	ENVTIER_CONTROLLER_LIMIT: {
		meaning: `rollouts that run at the same time, ${LIMIT.min} to ${LIMIT.max}; a namespace has one at a time`,
		default: '10',
	},
	ENVTIER_CONTROLLER_MANAGED_SECRETS: {
		meaning:
			'"true" keeps the Secrets of ManagedSecrets equal to secrets in Vault, which puts values into etcd',
		default: 'false',
	},
	ENVTIER_CONTROLLER_MANAGED_SECRET_WORKERS: {
		meaning: `ManagedSecrets that are looked at at the same time, ${WORKERS.min} to ${WORKERS.max}`,
		default: '8',
	},
	ENVTIER_CONTROLLER_ROTATION: {
		meaning: '"true" gives passwords with a rotation a new value when it is due',
		default: 'false',
	},
	ENVTIER_CONTROLLER_ROTATION_RATE: {
		meaning: `most passwords that get a new value in a minute, ${ROTATION_RATE.min} to ${ROTATION_RATE.max}; one at a time, those that are due for longest first`,
		default: '60',
	},
	ENVTIER_CONTROLLER_ROTATION_VAULT_ROLE: {
		meaning: 'Vault role of the rotation, which may write values and read none',
		default: 'envtier-rotation',
	},
	ENVTIER_CONTROLLER_ROTATION_VAULT_TOKEN_FILE: {
		meaning:
			'file that holds a Vault token for the rotation, in place of that role; read anew for each renewal',
	},
	ENVTIER_CONTROLLER_FIELD_MANAGER: {
		meaning:
			'field manager of the controller’s changes; some GitOps tools remove fields of managers that they do not know',
		default: 'envtier-controller',
	},
	ENVTIER_CONTROLLER_NAMESPACE: {
		meaning: 'namespace of the Lease by which replicas choose a leader',
		default: 'envtier-system',
	},
	ENVTIER_CONTROLLER_VAULT_ROLE: { meaning: 'Vault role to log in with by the service-account token' },
	ENVTIER_CONTROLLER_VAULT_LOGIN_TOKEN_FILE: {
		meaning: 'file of the service-account token for that login, read anew each time',
		default: '/var/run/secrets/envtier.dev/token',
	},
	ENVTIER_CONTROLLER_VAULT_TOKEN_FILE: {
		meaning: 'file that holds a Vault token, in place of a role; read anew for each renewal',
	},
	ENVTIER_CONTROLLER_KUBECONFIG: {
		meaning: 'kubeconfig of the API server; unset: the service account of the pod',
	},
} as const satisfies Record<`ENVTIER_CONTROLLER_${string}`, ControllerVariable>;
