import { useEffect, useState } from 'preact/hooks';

/** Asked before the view changes; false keeps it. */
type Guard = () => Promise<boolean>;

let guard: Guard | undefined;
const listeners = new Set<() => void>();
const announce = (): void => {
	for (const listener of listeners) listener();
};

let shown = location.href;

/** Asks before somebody leaves with unsaved changes. Undefined: nothing is unsaved. */
export function setGuard(next: Guard | undefined): void {
	guard = next;
}

addEventListener('beforeunload', (event) => {
	if (guard !== undefined) event.preventDefault();
});

addEventListener('popstate', () => {
	const target = location.href;
	if (guard === undefined) {
		shown = target;
		announce();
		return;
	}
	// The browser has changed the address already: back to the view that is still shown, then ask.
	history.pushState(undefined, '', shown);
	void navigate(target);
});

/** Shows another view, unless the person wants to stay. */
export async function navigate(to: string): Promise<void> {
	if (guard !== undefined && !(await guard())) return;
	guard = undefined;
	history.pushState(undefined, '', to);
	shown = location.href;
	announce();
	scrollTo(0, 0);
}

/** Changes the parameters of the view that is shown, without leaving it. */
export function replaceQuery(changes: Readonly<Record<string, string | undefined>>): void {
	const url = new URL(location.href);
	for (const [name, text] of Object.entries(changes))
		if (text) url.searchParams.set(name, text);
		else url.searchParams.delete(name);
	history.replaceState(undefined, '', url);
	shown = location.href;
	announce();
}

/** The path and the parameters that are shown. */
export function useLocation(): { readonly path: string; readonly query: URLSearchParams } {
	const [at, setAt] = useState(shown);
	useEffect(() => {
		const changed = (): void => setAt(shown);
		listeners.add(changed);
		return () => void listeners.delete(changed);
	}, []);
	const url = new URL(at);
	return { path: url.pathname, query: url.searchParams };
}
