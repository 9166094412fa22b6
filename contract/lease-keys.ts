import { dependentKeys, type Template } from './compose.ts';
import { isKeyOfLease } from './lease.ts';
import { type Selection, takes } from './selection.ts';

/** What containers get. */
export interface DeliveredKeys {
	/** The selection of each volume; undefined: everything. */
	readonly selections: readonly (Selection | undefined)[];
	/** Keys of native environment variables. */
	readonly envKeys: readonly string[];
	/** Templates by the composed key. */
	readonly templates: ReadonlyMap<string, Template>;
}

type Templates = DeliveredKeys['templates'];

/** Whether a key may be a field of the lease. A composed value has its key for itself. */
function mayBeField(name: string, templates: Templates, key: string): boolean {
	return !templates.has(key) && isKeyOfLease(name, key);
}

/** Whether the value of this key may contain a field of the lease, also through composed values. */
export function mayContainLease(name: string, templates: Templates, key: string): boolean {
	return (
		mayBeField(name, templates, key) || dependentKeys(templates, (one) => isKeyOfLease(name, one)).has(key)
	);
}

/** Whether a prefix may match a field of the lease. */
export function mayMatchLease(name: string, prefix: string): boolean {
	return prefix.startsWith(`${name}_`) || `${name}_`.startsWith(prefix);
}

/** Whether a lease is needed for what containers get: a field of it, or a value composed of one. */
export function isLeaseNeeded(name: string, { selections, envKeys, templates }: DeliveredKeys): boolean {
	if (envKeys.some((key) => mayContainLease(name, templates, key))) return true;
	const composed = dependentKeys(templates, (one) => isKeyOfLease(name, one));
	return selections.some(
		(selection) =>
			selection === undefined ||
			selection.keys === 'all' ||
			selection.keys.some(({ source }) => mayBeField(name, templates, source)) ||
			selection.prefixes.some(({ source }) => mayMatchLease(name, source)) ||
			[...composed].some((key) => takes(selection, key)),
	);
}
