import { needed, type State, type Trust, trusts } from './state.ts';

/**
 * Since when – in milliseconds of a clock that is never set – a replica has seen things without a break. Nobody else needs it: a replica that starts
 * anew begins to count anew, which only makes it wait longer.
 */
export interface Observations {
	/** That every webhook of the webhook configuration trusts a certificate. */
	readonly trusted: ReadonlyMap<string, number>;
	/** That a certificate is trusted which the Secret does not ask for. */
	readonly strangers: ReadonlyMap<string, number>;
}

/** Nothing seen yet. */
export const NO_OBSERVATIONS: Observations = { trusted: new Map(), strangers: new Map() };

/** Takes in what there is at `uptime`. */
export function observe(
	memory: Observations,
	view: { readonly state: State; readonly trust: Trust | undefined },
	uptime: number,
): Observations {
	const all = view.trust ?? [];
	const must = needed(view.state);
	const ids = [...new Set(all.flat().map(({ id }) => id))];
	const since = (before: ReadonlyMap<string, number>, now: readonly string[]) =>
		new Map(now.map((id) => [id, before.get(id) ?? uptime]));
	return {
		trusted: since(
			memory.trusted,
			ids.filter((id) => trusts(all, id)),
		),
		strangers: since(
			memory.strangers,
			ids.filter((id) => !must.some((one) => one.id === id)),
		),
	};
}

/** For how long, in milliseconds. */
export function lasting(since: ReadonlyMap<string, number>, id: string, uptime: number): number {
	return uptime - (since.get(id) ?? uptime);
}
