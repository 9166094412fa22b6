import { isKv2Create } from './kv2.ts';
import type { Namespace, VaultState } from './state.ts';

/** The mount that a path belongs to, and the rest of the path; undefined when there is no such mount. */
export function findMount<T>(
	mounts: ReadonlyMap<string, T>,
	path: string,
): { readonly mount: string; readonly at: T; readonly rest: string } | undefined {
	let longest: ReturnType<typeof findMount<T>>;
	for (const [mount, at] of mounts) {
		if (path !== mount && !path.startsWith(`${mount}/`)) continue;
		if (longest === undefined || mount.length > longest.mount.length) {
			longest = { mount, at, rest: path.slice(mount.length + 1) };
		}
	}
	return longest;
}

/**
 * The namespace of a request: the header's, or one below it that the path starts with; and the rest of the
 * path. Undefined if the header's namespace does not exist.
 */
export function findNamespace(
	state: VaultState,
	header: string,
	path: string,
): { readonly namespace: Namespace; readonly path: string } | undefined {
	const headerNamespace = state.namespaces.get(header === '' ? '' : `${header}/`);
	if (headerNamespace === undefined) return undefined;
	const full = headerNamespace.path + path;
	const inside = [...state.namespaces.values()].filter((namespace) => full.startsWith(namespace.path));
	const namespace = inside.reduce(
		(best, next) => (next.path.length > best.path.length ? next : best),
		headerNamespace,
	);
	return { namespace, path: full.slice(namespace.path.length) };
}

/** True when a write to `path` needs the capability "create" instead of "update". */
export function isCreate(namespace: Namespace, path: string): boolean {
	const transit = findMount(namespace.transit, path);
	if (transit?.rest.startsWith('encrypt/')) return !transit.at.has(transit.rest.slice('encrypt/'.length));
	const mount = findMount(namespace.engines, path);
	if (mount === undefined) return false;
	const { at, rest } = mount;
	return at.version === 1 ? !at.secrets.has(rest) : isKv2Create(at.secrets, rest);
}
