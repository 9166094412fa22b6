import type { Result } from '../../contract/result.ts';
import type { Selection } from '../../contract/selection.ts';
import type { SecretType } from './names.ts';

/** What a ManagedSecret asks for. */
export interface ManagedSecretSpec {
	readonly deployment: string;
	readonly service: string | undefined;
	/** Undefined: the namespace's label or the operator's setting says it. */
	readonly org: string | undefined;
	readonly selection: Selection;
	readonly target: {
		readonly name: string;
		readonly type: SecretType;
		readonly labels: Readonly<Record<string, string>>;
	};
	readonly serviceAccountName: string;
	/** Vault role; undefined: the operator's default for pods. */
	readonly role: string | undefined;
	/** Milliseconds between two looks at Vault. */
	readonly refreshInterval: number;
	/** False: nothing is written. */
	readonly sync: boolean;
	readonly deletionPolicy: 'Delete' | 'Retain';
}

/** One condition of a status (Kubernetes API: metav1.Condition). */
export interface Condition {
	readonly type: string;
	readonly status: 'True' | 'False' | 'Unknown';
	readonly reason: string;
	readonly message: string;
	readonly observedGeneration: number;
	readonly lastTransitionTime: string;
}

/** What the controller says about a ManagedSecret. */
export interface ManagedSecretStatus {
	readonly observedGeneration?: number | undefined;
	/** Name of the Secret that was written. */
	readonly secretName?: string | undefined;
	/** Its resource version after the last write. */
	readonly secretVersion?: string | undefined;
	/** The keys in it. */
	readonly keys?: readonly string[] | undefined;
	/** When Vault was read last with success. */
	readonly lastSyncTime?: string | undefined;
	/** The generation whose values the Secret has. */
	readonly syncedGeneration?: number | undefined;
	readonly conditions?: readonly Condition[] | undefined;
}

/** A ManagedSecret as the controller sees it. */
export interface ManagedSecret {
	readonly namespace: string;
	readonly name: string;
	readonly uid: string;
	readonly generation: number;
	/** Whether somebody has deleted it and others still hold it. */
	readonly deleted: boolean;
	/** The error completes "spec…". */
	readonly spec: Result<ManagedSecretSpec>;
	readonly status: ManagedSecretStatus;
}

/** `NAMESPACE/NAME`, by which everything about a ManagedSecret is kept. */
export function keyOf({ namespace, name }: Pick<ManagedSecret, 'namespace' | 'name'>): string {
	return `${namespace}/${name}`;
}
