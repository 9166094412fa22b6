import { err, ok, type Result } from '../../contract/result.ts';

/** Resource quantities by resource name, as Kubernetes writes them. */
export type Quantities = Readonly<Record<string, string>>;

const QUANTITY = /^([0-9]+(?:\.[0-9]+)?)(m|k|Ki|M|Mi|G|Gi)?$/;

/**
 * Every form of a quantity in Kubernetes (API reference, Quantity): sign, digits, and a suffix or an
 * exponent.
 */
const ANY_QUANTITY =
	/^([+-]?)([0-9]{0,40})(?:\.([0-9]{0,40}))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]{1,2}))?$/;

/** Powers of ten that a suffix stands for. */
const DECIMAL: Readonly<Record<string, number>> = {
	n: -9,
	u: -6,
	m: -3,
	k: 3,
	M: 6,
	G: 9,
	T: 12,
	P: 15,
	E: 18,
};
/** Powers of two. */
const BINARY: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
/** Kubernetes rounds up to this part of one, a billionth. */
const FINEST = 9;

/** Takes one quantity. */
export function parseQuantity(text: string): Result<string> {
	return QUANTITY.test(text) ? ok(text) : err('a quantity such as 16Mi');
}

/** A quantity that `parseQuantity` takes, times a whole number. */
export function multiplied(quantity: string, factor: number): string {
	const [, number = '0', unit = ''] = QUANTITY.exec(quantity) ?? [];
	return `${Number(number) * factor}${unit}`;
}

const RESOURCES = ['cpu', 'memory', 'ephemeral-storage'];

/** Takes quantities of CPU, memory and ephemeral storage, each at most once. */
export function parseQuantities(text: string): Result<Quantities> {
	const pairs = text.split(',').map((part) => part.trim().split('='));
	const good = pairs.every(
		([name, value, ...rest]) =>
			RESOURCES.includes(name ?? '') && QUANTITY.test(value ?? '') && rest.length === 0,
	);
	const names = new Set(pairs.map(([name]) => name));
	if (!good || names.size !== pairs.length)
		return err(
			'quantities of cpu, memory and ephemeral-storage such as cpu=50m,memory=64Mi, each named once',
		);
	return ok(Object.fromEntries(pairs));
}

/**
 * The amount of a quantity in billionths, rounded up as in Kubernetes; undefined if it is not a quantity.
 * `1`, `1000m`, `1.0` and `1e0` are the same amount.
 */
export function amountOf(quantity: string): bigint | undefined {
	const [match, sign = '', whole = '', fraction = '', suffix = '', exponent = '0'] =
		ANY_QUANTITY.exec(quantity) ?? [];
	if (match === undefined || `${whole}${fraction}` === '') return undefined;
	const digits = BigInt(`${whole}${fraction}`) << BigInt(BINARY[suffix] ?? 0);
	const power = FINEST - fraction.length + (DECIMAL[suffix] ?? 0) + Number(exponent);
	const amount = power >= 0 ? digits * 10n ** BigInt(power) : roundedUp(digits, 10n ** BigInt(-power));
	return sign === '-' ? -amount : amount;
}

function roundedUp(digits: bigint, divisor: bigint): bigint {
	return (digits + divisor - 1n) / divisor;
}

/** Whether two quantities are the same amount. The API server may write a quantity in another notation. */
export function sameAmount(one: string | undefined, other: string | undefined): boolean {
	if (one === undefined || other === undefined) return one === other;
	const amount = amountOf(one);
	return amount === undefined ? one === other : amount === amountOf(other);
}

/**
 * The first resource whose request exceeds its limit. The API server refuses every pod with such a container.
 */
export function exceeding(requests: Quantities, limits: Quantities): string | undefined {
	return Object.keys(requests).find((name) => {
		const [requested, limit] = [amountOf(requests[name] ?? ''), amountOf(limits[name] ?? '')];
		return requested !== undefined && limit !== undefined && requested > limit;
	});
}
