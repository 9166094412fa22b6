import type { ManagedSecret } from './resource.ts';

/** Which ManagedSecrets have which Secret as their target. */
export interface Targets {
	/** @param item undefined: the ManagedSecret of this key is gone */
	set(key: string, item: ManagedSecret | undefined): void;
	/** The keys of the ManagedSecrets whose target is this Secret. */
	keysOf(namespace: string, secret: string): Iterable<string>;
}

/** Opens an empty index. */
export function openTargets(): Targets {
	const bySecret = new Map<string, Set<string>>();
	const secretOf = new Map<string, string>();
	return {
		set: (key, item) => {
			const before = secretOf.get(key);
			const secret = item?.spec.ok === true ? `${item.namespace}/${item.spec.value.target.name}` : undefined;
			if (before === secret) return;
			if (before !== undefined) {
				secretOf.delete(key);
				const rest = bySecret.get(before);
				rest?.delete(key);
				if (rest?.size === 0) bySecret.delete(before);
			}
			if (secret === undefined) return;
			secretOf.set(key, secret);
			bySecret.set(secret, (bySecret.get(secret) ?? new Set()).add(key));
		},
		keysOf: (namespace, secret) => bySecret.get(`${namespace}/${secret}`) ?? [],
	};
}
