import { BACKDATED_MS } from '../../../pki/authority.ts';
import { elapsedSince, type Observations } from './observations.ts';
import {
	type CertificateInfo,
	type CertificateState,
	isValid,
	requiredCas,
	type Trust,
	trusts,
} from './state.ts';

/** How certificates are rotated. Times are in milliseconds. */
export interface RotationPolicy {
	readonly leafLife: number;
	readonly caLife: number;
	/** Time until every API server has read a changed caBundle. */
	readonly settle: number;
	/** From 0 to 1, random for each replica, so that not all of them act at once. */
	readonly jitter: number;
}

/** The state that one replica observes. */
export interface ObservedState {
	readonly state: CertificateState;
	/** Undefined if there is no webhook configuration: then there are no calls. */
	readonly trust: Trust | undefined;
	/** Milliseconds since 1970. */
	readonly now: number;
}

/**
 * The action on the Secret. Each is one write, which the API server refuses if another replica was faster.
 */
export type SecretAction =
	/** Add a CA that does not sign yet. */
	| 'prepare'
	/**
	 * Sign a certificate with that CA, replace the current CA and certificate by both, and remove the old CA's
	 * key.
	 */
	| 'promote'
	/** Sign another certificate with the current CA. */
	| 'renew'
	/** Remove CAs whose last certificate has expired. */
	| 'tidy';

/** What to do now, and when to decide again. */
export interface ReconcileStep {
	readonly secret: SecretAction | undefined;
	/** The required content of every `caBundle`. Undefined: no change. */
	readonly trust: readonly CertificateInfo[] | undefined;
	/** Milliseconds until time alone may change this decision. */
	readonly recheckAfter: number;
}

/** A maximum, because clocks are changed, and a bug in the arithmetic must not stop the loop. */
const MAX_PAUSE = 600_000;
/**
 * A CA that the Secret does not require stays trusted for this many times `settle`: a replica may still serve
 * its certificate.
 */
const UNKNOWN_CA_FACTOR = 360;

/**
 * Decides the changes of the Secret and the webhook configuration, from what one replica observes. All
 * replicas decide in the same way, without a leader; the first one to write does it for all.
 *
 * The most important rule: a CA signs nothing before every webhook of the webhook configuration has trusted
 * it for `settle`.
 */
export function decide(
	view: ObservedState,
	observations: Observations,
	uptime: number,
	policy: RotationPolicy,
): ReconcileStep {
	const trust = desiredTrust(view, observations, uptime, policy);
	const secret = secretAction(view, observations, uptime, policy);
	return { secret, trust, recheckAfter: timeToNextChange(view, observations, uptime, policy) };
}

/** When a certificate is replaced: after two thirds of its validity, plus jitter. */
export function dueAt({ from, until }: CertificateInfo, jitter: number): number {
	const issuedAt = from + BACKDATED_MS;
	return issuedAt + Math.max(0, until - issuedAt) * (2 / 3 + jitter / 20);
}

function secretAction(
	view: ObservedState,
	observations: Observations,
	uptime: number,
	policy: RotationPolicy,
): SecretAction | undefined {
	const { state, now } = view;
	const { current, next, leaf, retired } = state;
	const nextIsGood = isGood(next, now, policy);
	if (next !== undefined && nextIsGood && maySign(next, view, observations, uptime, policy)) return 'promote';
	if (!nextIsGood && !isGood(current, now, policy)) return 'prepare';
	const leafIsGood = leaf !== undefined && isValid(leaf, now) && now < dueAt(leaf, policy.jitter);
	const currentSigns = current?.hasKey === true && isValid(current, now);
	if (!leafIsGood && currentSigns && maySign(current, view, observations, uptime, policy)) return 'renew';
	return retired.some(({ neededUntil }) => neededUntil <= now) ? 'tidy' : undefined;
}

/** True for a CA with a key and more than a third of its validity left. */
function isGood(ca: CertificateState['current'], now: number, { jitter }: RotationPolicy): boolean {
	return ca?.hasKey === true && isValid(ca, now) && now < dueAt(ca, jitter);
}

function maySign(
	ca: CertificateInfo,
	view: ObservedState,
	observations: Observations,
	uptime: number,
	{ settle }: RotationPolicy,
): boolean {
	if (view.trust === undefined) return true;
	if (!trusts(view.trust, ca.id)) return false;
	return elapsedSince(observations.trusted, ca.id, uptime) >= settle || noOtherCertificateWorks(ca, view);
}

/**
 * True when no call can succeed now, so acting early cannot break one: at the first start, or after
 * everything expired.
 */
function noOtherCertificateWorks(ca: CertificateInfo, { state, trust = [], now }: ObservedState): boolean {
	if (state.leaf !== undefined && isValid(state.leaf, now)) return false;
	return !trust.flat().some((one) => one.id !== ca.id && isValid(one, now));
}

function desiredTrust(
	{ state, trust, now }: ObservedState,
	observations: Observations,
	uptime: number,
	{ settle }: RotationPolicy,
): readonly CertificateInfo[] | undefined {
	if (trust === undefined) return undefined;
	const required = requiredCas(state);
	if (required.length === 0) return undefined;
	const unknownCas = [...new Map(trust.flat().map((one) => [one.id, one])).values()].filter(
		({ id }) => !required.some((one) => one.id === id),
	);
	const retained = unknownCas.filter(
		(one) =>
			now < one.until && elapsedSince(observations.unknownCas, one.id, uptime) < settle * UNKNOWN_CA_FACTOR,
	);
	const complete = required.every(({ id }) => trusts(trust, id));
	return complete && retained.length === unknownCas.length ? undefined : [...required, ...retained];
}

/** The time until one of the conditions above can change without an event. */
function timeToNextChange(
	{ state, trust = [], now }: ObservedState,
	observations: Observations,
	uptime: number,
	policy: RotationPolicy,
): number {
	const { settle, jitter } = policy;
	const { current, next, leaf, retired } = state;
	const moments = [current, next, leaf].flatMap((one) =>
		one === undefined ? [] : [one.from, one.until, dueAt(one, jitter)],
	);
	moments.push(...retired.map(({ neededUntil }) => neededUntil));
	const pauses = moments.map((moment) => moment - now);
	for (const { id, until } of trust.flat()) {
		pauses.push(until - now, settle - elapsedSince(observations.trusted, id, uptime));
		pauses.push(settle * UNKNOWN_CA_FACTOR - elapsedSince(observations.unknownCas, id, uptime));
	}
	// Jitter makes fractions, which a timer does not accept.
	return Math.ceil(Math.min(MAX_PAUSE, ...pauses.filter((ms) => ms > 0)));
}
