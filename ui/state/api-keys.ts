/** An API key, without the key itself. */
export interface ApiKey {
	readonly id: string;
	readonly name: string;
	readonly scopes: readonly string[];
	readonly roles: readonly string[];
	readonly createdAt: string;
	readonly expiresAt: string;
}

/** What each scope allows, in plain words. */
export const SCOPE_TEXTS: Readonly<Record<string, string>> = {
	'secrets:read': 'list secrets, without values',
	'secrets:write': 'create and change secrets',
	'secrets:delete': 'delete secrets',
	'secrets:destroy': 'destroy secrets',
	audit: 'read the audit',
};
