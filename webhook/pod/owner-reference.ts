/** The controller of a pod: an object in the same namespace. */
export interface Owner {
	readonly apiVersion: string;
	readonly kind: string;
	readonly name: string;
	readonly uid: string;
}

/** The longest name and the longest API version in Kubernetes fit. */
const LONGEST = 317;

function text(value: unknown): string | undefined {
	return typeof value === 'string' && value !== '' && value.length <= LONGEST ? value : undefined;
}

/**
 * The controller among the `ownerReferences` of an object's metadata. Nobody has checked them: the owner may
 * not exist, or may not own the object.
 */
export function controllerOf(metadata: Readonly<Record<string, unknown>> | undefined): Owner | undefined {
	const references = metadata?.['ownerReferences'];
	if (!Array.isArray(references)) return undefined;
	for (const reference of references as readonly unknown[]) {
		if (typeof reference !== 'object' || reference === null) continue;
		const fields = reference as Readonly<Record<string, unknown>>;
		if (fields['controller'] !== true) continue;
		const [apiVersion, kind] = [text(fields['apiVersion']), text(fields['kind'])];
		const [name, uid] = [text(fields['name']), text(fields['uid'])];
		if (apiVersion && kind && name && uid) return { apiVersion, kind, name, uid };
	}
	return undefined;
}
