import { err, ok, type Result } from '../contract/result.ts';

/** Resource quantities by resource name, as Kubernetes writes them. */
export type Quantities = Readonly<Record<string, string>>;

const QUANTITY = /^([0-9]+(?:\.[0-9]+)?)(m|k|Ki|M|Mi|G|Gi)?$/;

/** What each suffix multiplies by (Kubernetes API: Quantity). */
const SUFFIXES: ReadonlyMap<string | undefined, number> = new Map([
	['m', 1e-3],
	[undefined, 1],
	['k', 1e3],
	['Ki', 2 ** 10],
	['M', 1e6],
	['Mi', 2 ** 20],
	['G', 1e9],
	['Gi', 2 ** 30],
]);

/** Takes one quantity. */
export function parseQuantity(text: string): Result<string> {
	return QUANTITY.test(text) ? ok(text) : err('a quantity such as 16Mi');
}

/** Takes quantities of CPU and memory, each at most once. */
export function parseQuantities(text: string): Result<Quantities> {
	const pairs = text.split(',').map((part) => part.trim().split('='));
	const good = pairs.every(
		([name, value, ...rest]) =>
			(name === 'cpu' || name === 'memory') && QUANTITY.test(value ?? '') && rest.length === 0,
	);
	const names = new Set(pairs.map(([name]) => name));
	if (!good || names.size !== pairs.length)
		return err('quantities such as cpu=50m,memory=64Mi, each resource named once');
	return ok(Object.fromEntries(pairs));
}

function amount(quantity: string): number {
	const [, digits, suffix] = QUANTITY.exec(quantity) ?? [];
	return Number(digits) * (SUFFIXES.get(suffix) ?? Number.NaN);
}

/** Whether two quantities are the same amount, however they are written; the API server writes them in one way of several. */
export function sameAmount(a: string | undefined, b: string | undefined): boolean {
	return a === b || (a !== undefined && b !== undefined && amount(a) === amount(b));
}

/** The first resource of which more is requested than the limit allows; the API server refuses every pod with such a container. */
export function exceeding(requests: Quantities, limits: Quantities): string | undefined {
	return Object.keys(requests).find((name) => amount(requests[name] ?? '') > amount(limits[name] ?? ''));
}
