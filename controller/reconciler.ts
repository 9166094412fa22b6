import type { Logger } from 'pino';
import type { KubernetesClient } from '../lib/kubernetes/client.ts';
import type { MetricsRegistry } from '../lib/metrics.ts';
import type { Ask } from '../lib/vault/ask.ts';
import type { VaultClient } from '../lib/vault/client.ts';

/**
 * One task of the controller, in a folder of its own, with a switch, settings, metrics and rights of its own.
 * It is made at the start of the process, so that its metrics exist, and does nothing before `start`.
 */
export interface Reconciler {
	/** For the log. */
	readonly name: string;
	/** Begins to work. It is called once, when this replica leads. */
	start(): Promise<RunningReconciler>;
}

/** A reconciler that works. */
export interface RunningReconciler {
	/**
	 * Ends the watches, and waits for the request in flight. The process does not wait for long: every write
	 * must have a precondition (a resource version, check-and-set), so that a late one does no harm.
	 */
	close(): Promise<void>;
}

/** What all reconcilers run on. */
export interface ReconcilerParts {
	readonly client: KubernetesClient;
	readonly vault: ControllerVault;
	/** Field manager of its changes of objects. */
	readonly fieldManager: string;
	/** A reconciler adds its metrics when it is made. */
	readonly registry: MetricsRegistry;
	readonly log: Logger;
	/** Whether this replica leads. Nothing is written otherwise. */
	readonly isLeader: () => boolean;
}

/** Vault as the controller's own account sees it. The first request logs in. */
export interface ControllerVault {
	readonly client: VaultClient;
	/** Sends a request with the controller's token. */
	readonly ask: Ask;
	readonly namespace: string | undefined;
	/** The KV mount. */
	readonly mount: string;
}
