import type { AddOperation, MoveOperation, RemoveOperation, ReplaceOperation } from 'fast-json-patch';

/** One operation of a JSON Patch (RFC 6902). A pod that was not injected before gets only `add`. */
export type Operation = AddOperation<unknown> | RemoveOperation | MoveOperation | ReplaceOperation<unknown>;

/** The name of a member as a part of a JSON Pointer (RFC 6901, section 3). */
export function pointer(member: string): string {
	return member.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** Adds an element to a list, or sets a member, also one that is there already (RFC 6902, section 4.1). */
export const add = (path: string, value: unknown): Operation => ({ op: 'add', path, value });

/** Removes an element or a member that is there. */
export const remove = (path: string): Operation => ({ op: 'remove', path });

/** Puts another value into the place of an element that is there. */
export const replace = (path: string, value: unknown): Operation => ({ op: 'replace', path, value });

/** Moves an element within a list. The second index is the one after the removal. */
export const move = (list: string, from: number, to: number): Operation => ({
	op: 'move',
	from: `${list}/${from}`,
	path: `${list}/${to}`,
});

/** Removes elements of a list from the last to the first, so that the other indexes stay valid. */
export function removeAt(list: string, indexes: readonly number[]): Operation[] {
	return [...indexes].sort((a, b) => b - a).map((index) => remove(`${list}/${index}`));
}

/** The wrong elements of a list, and the missing ones. */
export interface Difference<F, E> {
	readonly wrong: readonly F[];
	readonly missing: readonly E[];
}

/**
 * Compares two lists without regard to order. Elements with the same key are equal; a second one is wrong.
 */
export function difference<F, E>(
	found: readonly F[],
	expected: readonly E[],
	keys: { readonly found: (element: F) => string; readonly expected: (element: E) => string },
): Difference<F, E> {
	const missing = new Map(expected.map((element) => [keys.expected(element), element]));
	const wrong = found.filter((element) => !missing.delete(keys.found(element)));
	return { wrong, missing: [...missing.values()] };
}
