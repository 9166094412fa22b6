/**
 * Why a ManagedSecret could not be brought up to date: the reason of its condition, and what one does about
 * it in general.
 */
export const FAILURE_REASONS = {
	InvalidSpec: 'correct the field that the message names',
	NotOptedIn: 'let the namespace opt in: apply what deploy/vault/setup.sh managed-secrets prints',
	AccountMissing: 'create the service account, or name another one',
	OrganizationNotAllowed: 'name the organization of the namespace, or none',
	LoginRefused: 'create or correct the role in Vault',
	ReadRefused: 'add the policy line that the message prints',
	VaultUnavailable: 'look at Vault; the Secret stays as it is until then',
	KeysMissing: 'create the keys in one of the tiers, or take them out of spec.keys',
	ValueUnusable: 'store the key again',
	NamesClash: 'give the keys other names',
	TypeUnsatisfied: 'select the keys that the type of the Secret needs, with the names that it needs',
	TooLarge: 'select fewer keys',
	SecretNotOwned: 'choose another name, or say on that Secret that it may be taken over',
	KeysTaken: 'remove those keys from the Secret, or give ours other names',
	TypeDiffers: 'delete the Secret: it is created again with the type of the spec',
	SecretImmutable: 'delete the Secret: it is created again',
	SecretRefused: 'look at what the API server says',
	Conflict: 'nothing: it is tried again',
	ClusterUnavailable: 'look at the API server',
} as const satisfies Record<string, string>;

export type FailureReason = keyof typeof FAILURE_REASONS;

/** A failure: its reason, and a sentence for people. It never holds a value or a token. */
export interface SyncFailure {
	readonly reason: FailureReason;
	readonly message: string;
}

/** How a look at a ManagedSecret ended. */
export type Outcome =
	| {
			readonly kind: 'synced';
			readonly change: 'created' | 'updated' | 'unchanged';
			readonly version: string;
			readonly keys: readonly string[];
			readonly adopted: boolean;
	  }
	/** Sync is off: what the Secret would hold. */
	| { readonly kind: 'off'; readonly keys: readonly string[] }
	| ({ readonly kind: 'failed' } & SyncFailure);

/** Makes a failure. */
export function failed(reason: FailureReason, message: string): { readonly kind: 'failed' } & SyncFailure {
	return { kind: 'failed', reason, message };
}
