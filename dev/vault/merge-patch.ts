import { isObject } from './request.ts';

/** JSON Merge Patch, RFC 7396, of one object onto another. */
export function mergePatch(
	target: Readonly<Record<string, unknown>> | null,
	patch: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
	const merged = new Map(Object.entries(target ?? {}));
	for (const [name, value] of Object.entries(patch)) {
		const old = merged.get(name);
		if (value === null) merged.delete(name);
		else merged.set(name, isObject(value) ? mergePatch(isObject(old) ? old : {}, value) : value);
	}
	return Object.fromEntries(merged);
}
