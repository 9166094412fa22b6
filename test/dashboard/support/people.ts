/** Somebody who signs in at the issuer. The name is the subject. */
export const PEOPLE = {
	/** The same as the development identity. */
	developer: {
		org: ['acme', 'globex'],
		roles: ['acme:org_owner', 'globex:org_owner'],
		email: 'developer@example.com',
	},
	/** An admin of the organization, who is a member of no deployment. */
	olga: { org: 'acme', roles: ['org_admin'] },
	/** A manager of the deployment shop. */
	ada: { org: 'acme', roles: [] },
	/** A developer of the deployment shop, by a group of the issuer. */
	dan: { org: 'acme', roles: [], groups: ['shop-developers'] },
	/** A viewer of the deployment shop. */
	bob: { org: 'acme', roles: [] },
	/** In the organization, and a member of nothing. */
	eve: { org: 'acme', roles: [] },
} as const;
export type Person = keyof typeof PEOPLE;
