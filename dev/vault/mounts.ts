import type { House, Namespace } from './house.ts';
import { isKv2Create } from './kv2.ts';

/** The mount that a path belongs to, and the rest of the path; undefined when there is no such mount. */
export function findMount<T>(
	mounts: ReadonlyMap<string, T>,
	path: string,
): { readonly mount: string; readonly at: T; readonly rest: string } | undefined {
	let found: ReturnType<typeof findMount<T>>;
	for (const [mount, at] of mounts) {
		if (path !== mount && !path.startsWith(`${mount}/`)) continue;
		if (found === undefined || mount.length > found.mount.length) {
			found = { mount, at, rest: path.slice(mount.length + 1) };
		}
	}
	return found;
}

/**
 * The namespace that a request means: the header's, and below it one that the path starts with; and the path that remains.
 * undefined when the header names none that exists.
 */
export function findNamespace(
	house: House,
	header: string,
	path: string,
): { readonly space: Namespace; readonly path: string } | undefined {
	const named = house.namespaces.get(header === '' ? '' : `${header}/`);
	if (named === undefined) return undefined;
	const full = named.path + path;
	const inside = [...house.namespaces.values()].filter((space) => full.startsWith(space.path));
	const space = inside.reduce((best, next) => (next.path.length > best.path.length ? next : best), named);
	return { space, path: full.slice(space.path.length) };
}

/** True when a write to `path` makes something new, for which a policy needs "create" instead of "update". */
export function isCreate(space: Namespace, path: string): boolean {
	const transit = findMount(space.transit, path);
	if (transit?.rest.startsWith('encrypt/')) return !transit.at.has(transit.rest.slice('encrypt/'.length));
	const found = findMount(space.engines, path);
	if (found === undefined) return false;
	const { at, rest } = found;
	return at.version === 1 ? !at.secrets.has(rest) : isKv2Create(at.secrets, rest);
}
