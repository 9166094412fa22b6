/** A secret that a template declares. */
export interface Declared {
	readonly key?: string;
	readonly type?: string;
	readonly name?: string;
	readonly description?: string;
	readonly generate?: unknown;
}

/** A template. */
export interface Template {
	readonly name: string;
	readonly owner: string;
	readonly org: string;
	readonly shared: boolean;
	readonly createdAt: string;
	readonly services: readonly { readonly name: string; readonly secrets?: readonly Declared[] }[];
	readonly missing?: readonly { readonly serviceName: string; readonly key: string }[];
}

/** A declared secret as a text. */
export function declaredText({ key, type, name, generate }: Declared): string {
	if (key !== undefined) return key;
	return `${name ?? ''} (${type}${generate === undefined ? '' : ', generated for each deployment'})`;
}

/** What the form for a new template starts with. */
export const EXAMPLE = `services:
  - name: web
    secrets:
      - key: DATABASE_URL
        description: the orders
      - type: password
        name: SESSION_KEY
        generate: true
`;
