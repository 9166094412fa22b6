import { type CertificateState, requiredCas, type Trust, trusts } from './state.ts';

/**
 * Since when a replica has observed something without a break, in milliseconds of the monotonic clock. Not
 * shared: a replica that restarts counts from zero, which only makes it wait longer.
 */
export interface Observations {
	/** That every webhook of the webhook configuration trusts a certificate. */
	readonly trusted: ReadonlyMap<string, number>;
	/** That a certificate is trusted which the Secret does not ask for. */
	readonly unknownCas: ReadonlyMap<string, number>;
}

/** Nothing seen yet. */
export const NO_OBSERVATIONS: Observations = { trusted: new Map(), unknownCas: new Map() };

/** Takes in what there is at `uptime`. */
export function observe(
	observations: Observations,
	view: { readonly state: CertificateState; readonly trust: Trust | undefined },
	uptime: number,
): Observations {
	const all = view.trust ?? [];
	const required = requiredCas(view.state);
	const ids = [...new Set(all.flat().map(({ id }) => id))];
	const since = (before: ReadonlyMap<string, number>, now: readonly string[]) =>
		new Map(now.map((id) => [id, before.get(id) ?? uptime]));
	return {
		trusted: since(
			observations.trusted,
			ids.filter((id) => trusts(all, id)),
		),
		unknownCas: since(
			observations.unknownCas,
			ids.filter((id) => !required.some((one) => one.id === id)),
		),
	};
}

/** For how long, in milliseconds. */
export function elapsedSince(since: ReadonlyMap<string, number>, id: string, uptime: number): number {
	return uptime - (since.get(id) ?? uptime);
}
