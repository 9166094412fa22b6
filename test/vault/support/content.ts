import type { Capability } from '../../../dev/vault/acl.ts';

/** Patterns and capabilities, as the embedded Vault's file has them. */
export type Rules = Readonly<Record<string, readonly Capability[]>>;

/** What both backends hold when a suite starts: policies and roles, no secret. */
export const POLICIES: Readonly<Record<string, Rules>> = {
	web: {
		'secret/data/deployments/shop/*': ['read'],
		'secret/metadata/deployments/shop/*': ['list'],
		'secret/data/deployments/shop/vault-only/*': ['deny'],
		'secret/metadata/folder-named-without-slash': ['list'],
		'secret/metadata/folder-named-with-slash/': ['list'],
		'secret/data/+/middle/x': ['read'],
		'secret/data/only-create/*': ['create'],
		'secret/data/only-update/*': ['update'],
		'transit/decrypt/mine': ['update'],
		'transit/encrypt/no-new-keys': ['update'],
		'legacy/deployments/shop/*': ['read', 'list'],
		'no-such-mount/*': ['read'],
	},
	'reads-team': { 'team/secret/data/*': ['read'] },
};

/** A role on both auth mounts. */
export interface TestRole {
	readonly serviceAccounts: readonly string[];
	readonly namespaces: readonly string[];
	readonly audience: string;
	readonly policies: readonly string[];
	readonly ttl: string;
}

export const ROLES: Readonly<Record<string, TestRole>> = {
	web: {
		serviceAccounts: ['web'],
		namespaces: ['shop'],
		audience: 'vault',
		policies: ['web'],
		ttl: '5m',
	},
	operator: {
		serviceAccounts: ['operator'],
		namespaces: ['ops', 'shop'],
		audience: 'vault',
		policies: ['reads-team'],
		ttl: '1h',
	},
};

/**
 * The policy `web` of the namespace `team`, which also has a role of that name. It contains a namespace
 * `inner`; beside it is `crew`, whose name is as long.
 */
export const TEAM_POLICY: Rules = { 'secret/data/*': ['read'] };
