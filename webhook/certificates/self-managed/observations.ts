import { type CertificateState, requiredCas, type Trust, trusts } from './state.ts';

/**
 * Since when a replica has observed something without a break, in milliseconds of the monotonic clock. Not
 * shared: a replica that restarts counts from zero, which only makes it wait longer.
 */
export interface Observations {
	/** Certificates that every webhook of the webhook configuration trusts. */
	readonly trusted: ReadonlyMap<string, number>;
	/** Trusted certificates that the Secret does not require. */
	readonly unknownCas: ReadonlyMap<string, number>;
}

/** No observations yet. */
export const NO_OBSERVATIONS: Observations = { trusted: new Map(), unknownCas: new Map() };

/** Adds the observations at `uptime`. */
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

/** The time since then, in milliseconds. */
export function elapsedSince(since: ReadonlyMap<string, number>, id: string, uptime: number): number {
	return uptime - (since.get(id) ?? uptime);
}
