import type { Tier } from '../../contract/tiers.ts';

/** A deployment in the list. */
export interface Deployment {
	readonly name: string;
	readonly owner: string;
	readonly org: string;
	readonly template: string;
	readonly createdAt: string;
	readonly role: string;
}

/** Numbers of a deployment. */
export interface Summary {
	readonly services: readonly string[];
	readonly secrets: number;
	readonly missing: number;
	readonly expiring: number;
	readonly deleted: number;
}

/** A column of the grid: a tier. */
export interface Column {
	readonly tier: Tier;
	readonly service: string;
}

/** A secret in one column, without its value. */
export interface Cell {
	readonly key: string;
	readonly column: number;
	readonly state: 'live' | 'deleted' | 'destroyed';
	readonly id?: string;
	readonly version: number;
	readonly at: string;
	readonly by: string;
	readonly description?: string;
	readonly tags?: readonly string[];
	readonly type?: string;
	readonly name?: string;
	readonly expiresAt?: string;
	/** The keys of the typed secret do not belong together: so many are of its last change. */
	readonly incomplete?: { readonly written: number; readonly of: number };
}

/** Every key of a deployment in every tier. */
export interface Grid {
	readonly deployment: string;
	readonly org: string;
	readonly owner: string;
	readonly role: string;
	readonly template: string;
	readonly managesOrg: boolean;
	readonly columns: readonly Column[];
	readonly cells: readonly Cell[];
	readonly declared: readonly { readonly service: string; readonly key: string }[];
}

/** A secret in a list. */
export interface ListedSecret {
	readonly id: string;
	readonly key: string;
	readonly deploymentName?: string;
	readonly serviceName?: string;
	readonly description: string;
	readonly tags: readonly string[];
	readonly type: string;
	readonly expiresAt?: string;
}

/** One version of a secret. */
export interface Version {
	readonly version: number;
	readonly createdAt: string;
	readonly deletedAt: string;
	readonly destroyed: boolean;
	readonly current: boolean;
	readonly by: string;
}

/** The caller. */
export interface WhoAmI {
	readonly subject: string;
	readonly kind: string;
	readonly email?: string;
	readonly org: string;
	readonly orgs: readonly string[];
	readonly roles: readonly string[];
	readonly scopes: readonly string[];
}

/** What the server says to everybody. */
export interface Config {
	readonly version: string;
	readonly revealUrl: string;
	readonly signIn: 'oidc' | 'development';
}
