import { BACKDATED_MS } from '../../../pki/authority.ts';
import { lasting, type Observations } from './observations.ts';
import { holds, type KnownCertificate, needed, type State, type Trust, trusts } from './state.ts';

/** How certificates are kept. Times are milliseconds. */
export interface Policy {
	readonly leafLife: number;
	readonly caLife: number;
	/** For every API server to see a changed caBundle. */
	readonly settle: number;
	/** From 0 to 1, of this replica's own: so that not all of them come at once. */
	readonly jitter: number;
}

/** What one replica sees at one moment. */
export interface View {
	readonly state: State;
	/** Undefined when there is no webhook configuration: nobody calls, then. */
	readonly trust: Trust | undefined;
	/** Milliseconds since 1970. */
	readonly now: number;
}

/** What is to be done to the Secret. Each is one write, refused by the API server if somebody else was faster. */
export type SecretAction =
	/** Add a CA that signs nothing yet. */
	| 'prepare'
	/** Have that CA sign a certificate, put both in the place of the present ones, and forget the old CA's key. */
	| 'promote'
	/** Have the present CA sign another certificate. */
	| 'renew'
	/** Forget CAs whose last certificate has ended. */
	| 'tidy';

/** What is to be done now, and when to ask again. */
export interface Decision {
	readonly secret: SecretAction | undefined;
	/** What every `caBundle` of the webhook configuration is to hold; undefined: it may stay as it is. */
	readonly trust: readonly KnownCertificate[] | undefined;
	/** Milliseconds until time alone may change this decision. */
	readonly again: number;
}

/** However quiet it is: clocks are set, and a bug in our arithmetic shall not sleep for a year. */
const LONGEST_PAUSE = 600_000;
/** A CA that the Secret does not ask for stays trusted for this many times `settle`: some replica may show its certificate still. */
const STRANGERS = 360;

/**
 * Decides, from what one replica sees, what to do about Secret and webhook configuration. Every replica decides alike and alone: there is no leader, and
 * whoever writes first has done it for all.
 *
 * The one rule that matters: nothing is signed by a CA before every webhook of the webhook configuration trusts it, and has for `settle`.
 */
export function decide(view: View, memory: Observations, uptime: number, policy: Policy): Decision {
	const trust = trustWanted(view, memory, uptime, policy);
	const secret = secretAction(view, memory, uptime, policy);
	return { secret, trust, again: pause(view, memory, uptime, policy) };
}

/** When a certificate is to be replaced: at two thirds of its life, a little later for some replicas. */
export function dueAt({ from, until }: KnownCertificate, jitter: number): number {
	const made = from + BACKDATED_MS;
	return made + Math.max(0, until - made) * (2 / 3 + jitter / 20);
}

function secretAction(
	view: View,
	memory: Observations,
	uptime: number,
	policy: Policy,
): SecretAction | undefined {
	const { state, now } = view;
	const { current, next, leaf, retired } = state;
	const nextIsGood = isGood(next, now, policy);
	if (next !== undefined && nextIsGood && maySign(next, view, memory, uptime, policy)) return 'promote';
	if (!nextIsGood && !isGood(current, now, policy)) return 'prepare';
	const leafIsGood = leaf !== undefined && holds(leaf, now) && now < dueAt(leaf, policy.jitter);
	const currentSigns = current?.signs === true && holds(current, now);
	if (!leafIsGood && currentSigns && maySign(current, view, memory, uptime, policy)) return 'renew';
	return retired.some(({ neededUntil }) => neededUntil <= now) ? 'tidy' : undefined;
}

/** True for a CA that can sign and has more than a third of its life left. */
function isGood(ca: State['current'], now: number, { jitter }: Policy): boolean {
	return ca?.signs === true && holds(ca, now) && now < dueAt(ca, jitter);
}

function maySign(
	ca: KnownCertificate,
	view: View,
	memory: Observations,
	uptime: number,
	{ settle }: Policy,
): boolean {
	if (view.trust === undefined) return true;
	if (!trusts(view.trust, ca.id)) return false;
	return lasting(memory.trusted, ca.id, uptime) >= settle || nothingElseWorks(ca, view);
}

/** True when no call can succeed now, so that none can be lost by being quick: at a first start, or after all has expired. */
function nothingElseWorks(ca: KnownCertificate, { state, trust = [], now }: View): boolean {
	if (state.leaf !== undefined && holds(state.leaf, now)) return false;
	return !trust.flat().some((one) => one.id !== ca.id && holds(one, now));
}

function trustWanted(
	{ state, trust, now }: View,
	memory: Observations,
	uptime: number,
	{ settle }: Policy,
): readonly KnownCertificate[] | undefined {
	if (trust === undefined) return undefined;
	const must = needed(state);
	if (must.length === 0) return undefined;
	const strangers = [...new Map(trust.flat().map((one) => [one.id, one])).values()].filter(
		({ id }) => !must.some((one) => one.id === id),
	);
	const stay = strangers.filter(
		(one) => now < one.until && lasting(memory.strangers, one.id, uptime) < settle * STRANGERS,
	);
	const complete = must.every(({ id }) => trusts(trust, id));
	return complete && stay.length === strangers.length ? undefined : [...must, ...stay];
}

/** The time until the next moment at which one of the conditions above can change by itself. */
function pause(
	{ state, trust = [], now }: View,
	memory: Observations,
	uptime: number,
	policy: Policy,
): number {
	const { settle, jitter } = policy;
	const { current, next, leaf, retired } = state;
	const moments = [current, next, leaf].flatMap((one) =>
		one === undefined ? [] : [one.from, one.until, dueAt(one, jitter)],
	);
	moments.push(...retired.map(({ neededUntil }) => neededUntil));
	const pauses = moments.map((moment) => moment - now);
	for (const { id, until } of trust.flat()) {
		pauses.push(until - now, settle - lasting(memory.trusted, id, uptime));
		pauses.push(settle * STRANGERS - lasting(memory.strangers, id, uptime));
	}
	// Jitter makes fractions, of which a timer knows nothing.
	return Math.ceil(Math.min(LONGEST_PAUSE, ...pauses.filter((ms) => ms > 0)));
}
