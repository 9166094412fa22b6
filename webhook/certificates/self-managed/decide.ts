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

/** How certificates are kept. Times are milliseconds. */
export interface RotationPolicy {
	readonly leafLife: number;
	readonly caLife: number;
	/** For every API server to see a changed caBundle. */
	readonly settle: number;
	/** From 0 to 1, of this replica's own: so that not all of them come at once. */
	readonly jitter: number;
}

/** What one replica sees at one moment. */
export interface ObservedState {
	readonly state: CertificateState;
	/** Undefined when there is no webhook configuration: nobody calls, then. */
	readonly trust: Trust | undefined;
	/** Milliseconds since 1970. */
	readonly now: number;
}

/**
 * The action on the Secret. Each is one write, which the API server refuses if another replica was faster.
 */
export type SecretAction =
	/** Add a CA that signs nothing yet. */
	| 'prepare'
	/**
	 * Sign a certificate with that CA, replace the current CA and certificate by both, and remove the old CA's
	 * key.
	 */
	| 'promote'
	/** Have the present CA sign another certificate. */
	| 'renew'
	/** Forget CAs whose last certificate has ended. */
	| 'tidy';

/** What is to be done now, and when to ask again. */
export interface ReconcileStep {
	readonly secret: SecretAction | undefined;
	/** What every `caBundle` of the webhook configuration is to hold; undefined: it may stay as it is. */
	readonly trust: readonly CertificateInfo[] | undefined;
	/** Milliseconds until time alone may change this decision. */
	readonly recheckAfter: number;
}

/** However quiet it is: clocks are set, and a bug in our arithmetic shall not sleep for a year. */
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

/** When a certificate is to be replaced: at two thirds of its life, a little later for some replicas. */
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

/** True for a CA that can sign and has more than a third of its life left. */
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

/** The time until the next moment at which one of the conditions above can change by itself. */
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
	// Jitter makes fractions, of which a timer knows nothing.
	return Math.ceil(Math.min(MAX_PAUSE, ...pauses.filter((ms) => ms > 0)));
}
