import type { Policy } from './acl.ts';
import type { SecretData } from './secret-data.ts';
import type { Tokens } from './tokens.ts';
import type { TransitKeys } from './transit.ts';
import type { Secret } from './versions.ts';

/** A KV secrets engine and its secrets, by path inside the mount. */
export type Engine =
	| { readonly version: 1; readonly secrets: Map<string, SecretData> }
	| { readonly version: 2; readonly secrets: Map<string, Secret> };

/** A role: which service accounts may log in with it, and which policies the token gets. */
export interface Role {
	/** Names and namespaces of service accounts; `*` matches any. */
	readonly serviceAccounts: readonly string[];
	readonly namespaces: readonly string[];
	/** Must be among the token's audiences; undefined: any audience is accepted. */
	readonly audience: string | undefined;
	readonly policies: readonly string[];
	readonly ttlSeconds: number;
}

/** The kinds of auth method that log in with a service account's token. */
export type AuthMethod = 'kubernetes' | 'jwt';

/** One Vault namespace: its mounts, roles and policies. */
export interface Namespace {
	/** '' for the root, else ending in "/": `team/`, `team/child/`. */
	readonly path: string;
	/** By mount path without slashes. */
	readonly engines: ReadonlyMap<string, Engine>;
	/** Transit engines, by mount path. */
	readonly transit: ReadonlyMap<string, TransitKeys>;
	readonly auth: ReadonlyMap<string, AuthMethod>;
	readonly policies: ReadonlyMap<string, Policy>;
	/** The role of that name, on every auth mount. */
	readonly role: (name: string) => Role | undefined;
}

/** The whole state of one server. The handlers of the paths change it. */
export interface VaultState {
	/** By path. */
	readonly namespaces: ReadonlyMap<string, Namespace>;
	readonly tokens: Tokens;
	readonly seal: { sealed: boolean; readonly key: string };
	/** Milliseconds since 1970. */
	readonly now: () => number;
}
