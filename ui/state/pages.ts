/** A part of a list, and the page that comes after it; undefined when that was all. */
export interface Held<T> {
	readonly entries: readonly T[];
	readonly next: string | undefined;
}

/** Nothing of a list, before its first page. */
export const NOTHING: Held<never> = { entries: [], next: '' };

/** What one load takes at most. A page with a filter may hold few entries, so requests have a bound too. */
export interface LoadBound {
	/** A page is taken whole: there may be more entries by less than a page. */
	readonly entries: number;
	readonly requests: number;
}

/** A page, or why there is none. */
type Page<T, F> =
	| { readonly ok: true; readonly value: readonly T[]; readonly next: string | undefined }
	| { readonly ok: false; readonly failure: F };

/**
 * Reads the pages after what is held, one after the other, up to a bound.
 *
 * @param read reads the page with this name; the first page has the empty name
 * @param onPage is called with the number of entries after each page
 */
export async function gather<T, F>(
	read: (page: string) => Promise<Page<T, F>>,
	held: Held<T>,
	bound: LoadBound,
	onPage: (entries: number) => void = () => undefined,
): Promise<{ readonly ok: true; readonly value: Held<T> } | { readonly ok: false; readonly failure: F }> {
	const entries = [...held.entries];
	const wanted = entries.length + bound.entries;
	let { next } = held;
	for (let sent = 0; next !== undefined && entries.length < wanted && sent < bound.requests; sent++) {
		const page = await read(next);
		if (!page.ok) return page;
		entries.push(...page.value);
		next = page.next;
		onPage(entries.length);
	}
	return { ok: true, value: { entries, next } };
}

/**
 * How many there are, as far as is known.
 *
 * @param what the noun for one of them, and `many` that for several
 */
export function countText(count: number, more: boolean, what: string, many = `${what}s`): string {
	const number = count.toLocaleString('en');
	return `${number} ${count === 1 ? what : many}${more ? ' so far' : ''}`;
}
