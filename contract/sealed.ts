import { err, ok, type Result } from './result.ts';

/**
 * The pods that can decrypt a sealed value: the pods of one deployment in one namespace, all pods of a
 * namespace, or all pods that use the transit mount.
 */
export const SEAL_SCOPES = ['deployment', 'namespace', 'cluster'] as const;

/** One of them. */
export type SealScope = (typeof SEAL_SCOPES)[number];

/** A value that only Vault can decrypt. */
export interface Sealed {
	readonly scope: SealScope;
	/** The ciphertext of Vault's transit engine. */
	readonly ciphertext: string;
}

/** The owner of a sealed value. `parseName` accepts both names. */
export interface SealOwner {
	/** The Kubernetes namespace. */
	readonly namespace: string;
	readonly deployment: string;
}

const FORM = /^(?:(deployment|namespace|cluster):)?(vault:v[1-9][0-9]{0,8}:[A-Za-z0-9+/]+={0,2})$/;

const RULE =
	'what "envtier seal" prints: vault:v1: and base64, with "namespace:" or "cluster:" before it where it is not for one deployment alone';

/**
 * Parses a sealed value: a ciphertext of Vault's transit engine after its scope. Without a scope it is
 * `deployment`.
 */
export function parseSealed(text: string): Result<Sealed> {
	const [, scope, ciphertext] = FORM.exec(text) ?? [];
	if (ciphertext === undefined) return err(RULE);
	return ok({ scope: SEAL_SCOPES.find((one) => one === scope) ?? 'deployment', ciphertext });
}

/** The text of a sealed value. */
export function sealedText({ scope, ciphertext }: Sealed): string {
	return scope === 'deployment' ? ciphertext : `${scope}:${ciphertext}`;
}

/**
 * The text of a sealed value for a variable, always with its scope. Bank-Vaults' webhook replaces values that
 * begin with `vault:` (bank-vaults.dev, "Configuration examples").
 */
export function sealedVariable({ scope, ciphertext }: Sealed): string {
	return `${scope}:${ciphertext}`;
}

/**
 * The name of the transit key for a scope. Policies grant by this name, so it decides which pods can decrypt
 * (ADR 49). The parts contain no underscore, so the names are unambiguous.
 */
export function sealKey(scope: SealScope, { namespace, deployment }: SealOwner): string {
	switch (scope) {
		case 'deployment':
			return `envtier-deployment_${namespace}_${deployment}`;
		case 'namespace':
			return `envtier-namespace_${namespace}`;
		case 'cluster':
			return 'envtier-cluster';
		default:
			return scope satisfies never;
	}
}

/**
 * The context from which Vault derives the key; requests send it in base64. A value that was sealed for one
 * scope cannot be decrypted in another.
 */
export function sealContext(scope: SealScope, { namespace, deployment }: SealOwner): string {
	switch (scope) {
		case 'deployment':
			return `envtier/deployment/${namespace}/${deployment}`;
		case 'namespace':
			return `envtier/namespace/${namespace}`;
		case 'cluster':
			return 'envtier/cluster';
		default:
			return scope satisfies never;
	}
}
