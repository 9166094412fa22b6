/**
 * The advice to correct a setting. An existing pod keeps the old value in its init container, so it must be
 * created again. Kustomize adds a hash to the ConfigMap's name.
 */
export function correctSetting(variable: string, to = ''): string {
	const value = to === '' ? '' : `, to "${to}"`;
	return `correct ${variable} in the webhook’s ConfigMap (its name begins with "envtier-settings")${value}, then create the pod again`;
}

const ADDRESS = `otherwise ${correctSetting('ENVTIER_VAULT_ADDR')}`;

/** Advice for an unreachable Vault, by cause. */
export const UNREACHABLE = {
	name: `if the name is wrong, ${correctSetting('ENVTIER_VAULT_ADDR')}`,
	dns: 'check that the cluster’s DNS answers in the pod’s namespace: a network policy must allow port 53',
	refused: `check that Vault runs and that its Service leads to it; ${ADDRESS}`,
	network:
		`check the network policies between the pod’s namespace and Vault; ${ADDRESS}. Where a mesh proxy starts after ` +
		'the init containers, set envtier.dev/init-order to "last"',
	broken: 'check the network between the pod and Vault (mesh, firewall, load balancer), and Vault’s log',
	slow: 'check Vault’s load and its storage, and the network between the pod and Vault',
	proxy: 'check the load balancer or proxy in front of Vault: this answer does not come from Vault itself',
	tunnel: `check that the proxy runs and lets the cluster connect to Vault’s address; otherwise ${correctSetting('ENVTIER_VAULT_PROXY')}`,
	standby: 'check the state of Vault’s cluster (sys/ha-status)',
	busy: 'raise the rate limit in Vault (sys/quotas/rate-limit), or ENVTIER_DEADLINE in the webhook’s ConfigMap',
} as const;

/** A key of `UNREACHABLE`. */
export type Obstacle = keyof typeof UNREACHABLE;
