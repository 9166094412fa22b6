import { BACKDATED_MS } from '../../../../pki/authority.ts';
import { type SignedLeaf, shouldAdopt } from '../../../../webhook/certificates/self-managed/adoption.ts';
import {
	decide,
	type ReconcileStep,
	type RotationPolicy,
} from '../../../../webhook/certificates/self-managed/decide.ts';
import {
	NO_OBSERVATIONS,
	type Observations,
	observe,
} from '../../../../webhook/certificates/self-managed/observations.ts';
import {
	type CertificateInfo,
	type CertificateState,
	isValid,
	type Trust,
	trusts,
} from '../../../../webhook/certificates/self-managed/state.ts';

/** Something that happens to a cluster at `at`, milliseconds from the start. */
export interface Fault {
	readonly at: number;
	readonly kind:
		| 'caBundle emptied'
		| 'caBundle replaced'
		| 'Secret deleted'
		| 'Secret planted'
		| 'replica restarted'
		| 'replica cut off';
	/** Which replica, modulo their number. */
	readonly replica: number;
}

/** One cluster's life. */
export interface Plan {
	/** How far each replica's clock is off, in milliseconds. */
	readonly clocks: readonly number[];
	/** The same of each API server. */
	readonly apiClocks: readonly number[];
	readonly faults: readonly Fault[];
	/** From 0 to 1 each, used in turn for whatever is left to chance. */
	readonly chances: readonly number[];
	readonly policy: Omit<RotationPolicy, 'jitter'>;
	readonly length: number;
}

/** What became of it. */
export interface Outcome {
	/** Calls that would have failed, though nobody had just broken the webhook configuration. */
	readonly failures: readonly string[];
	/** Certificates that were made, and CAs. */
	readonly leaves: number;
	readonly cas: number;
	/** What each replica shows in the end. */
	readonly shown: readonly (SignedLeaf | undefined)[];
	readonly trust: Trust;
	/** Ids of CAs that somebody else put into the caBundle. */
	readonly planted: readonly string[];
	readonly state: CertificateState;
}

/** The longest that a watch lags behind, that an API server's own does, and that a write takes. */
const LAG = { watch: 3_000, apiServer: 8_000, write: 1_000 } as const;
/**
 * Time from an overwritten caBundle until every API server has the corrected one; the correction may conflict
 * with another replica's.
 */
const MENDING = 4 * (LAG.watch + LAG.write) + LAG.apiServer;
const CUT_OFF_MS = 1_200_000;
const MOST_STEPS = 20_000;
const EMPTY: CertificateState = { current: undefined, next: undefined, leaf: undefined, retired: [] };

interface DecodedSecret {
	readonly state: CertificateState;
	readonly exists: boolean;
}

interface Versioned<T> {
	readonly version: number;
	readonly value: T;
}

interface Replica {
	readonly clock: number;
	readonly jitter: number;
	secret: Versioned<DecodedSecret> | undefined;
	trust: Versioned<Trust> | undefined;
	memory: Observations;
	shown: SignedLeaf | undefined;
	busy: boolean;
	cutOff: boolean;
	wake: number;
}

/** Simulates a plan: replicas that decide on delayed observations. Checks every call that would be sent. */
export function simulate(plan: Plan): Outcome {
	let turn = 0;
	const chance = (): number => plan.chances[turn++ % plan.chances.length] ?? 0;
	const events: { readonly at: number; readonly what: () => void }[] = [];
	const later = (ms: number, what: () => void): void => {
		events.push({ at: now + ms, what });
	};
	let now = 0;
	let serial = 0;
	let made = { leaves: 0, cas: 0 };
	// At first there is nothing that could work.
	let brokenUntil: number = MENDING;
	const failures: string[] = [];
	const planted: string[] = [];
	let secret: Versioned<DecodedSecret> = { version: 0, value: { state: EMPTY, exists: false } };
	let trust: Versioned<Trust> = { version: 0, value: [[]] };
	const certificate = (from: number, life: number): CertificateInfo => {
		serial += 1;
		return { id: `c${serial}`, from: from - BACKDATED_MS, until: from + life };
	};
	const apiServers = plan.apiClocks.map((clock) => ({ clock, trust: trust.value, version: 0 }));
	const fresh = (clock: number): Replica => ({
		...{ clock, jitter: chance(), secret: undefined, trust: undefined, memory: NO_OBSERVATIONS },
		...{ shown: undefined, busy: false, cutOff: false, wake: Number.POSITIVE_INFINITY },
	});
	const replicas = plan.clocks.map(fresh);

	const publishSecret = (): void => {
		const event = secret;
		for (const replica of replicas) seenLater(replica, () => sawSecret(replica, event));
	};
	const publishTrust = (): void => {
		const event = trust;
		for (const replica of replicas) seenLater(replica, () => sawTrust(replica, event));
		for (const server of apiServers)
			later(chance() * LAG.apiServer, () => {
				if (event.version > server.version)
					Object.assign(server, { trust: event.value, version: event.version });
			});
	};
	const seenLater = (replica: Replica, see: () => void): void => {
		later(chance() * LAG.watch, () => {
			if (!replica.cutOff) see();
		});
	};
	const seesAll = (replica: Replica): void => {
		const seen = { secret, trust };
		seenLater(replica, () => sawSecret(replica, seen.secret));
		seenLater(replica, () => sawTrust(replica, seen.trust));
	};
	const sawSecret = (replica: Replica, event: Versioned<DecodedSecret>): void => {
		if (event.version < (replica.secret?.version ?? -1)) return;
		replica.secret = event;
		step(replica);
	};
	const sawTrust = (replica: Replica, event: Versioned<Trust>): void => {
		if (event.version < (replica.trust?.version ?? -1)) return;
		replica.trust = event;
		step(replica);
	};

	const step = (replica: Replica): void => {
		if (replica.secret === undefined || replica.trust === undefined || replica.cutOff) return;
		const clock = now + replica.clock;
		const { state } = replica.secret.value;
		replica.memory = observe(replica.memory, { state, trust: replica.trust.value }, now);
		if (state.leaf !== undefined && state.current !== undefined) {
			const stored = { leaf: state.leaf, caId: state.current.id };
			if (shouldAdopt(replica.shown, stored, replica.trust.value, clock)) replica.shown = stored;
		}
		if (replica.busy) return;
		const policy = { ...plan.policy, jitter: replica.jitter };
		const view = { state, trust: replica.trust.value, now: clock };
		const decision = decide(view, replica.memory, now, policy);
		if (decision.secret === undefined && decision.trust === undefined) {
			replica.wake = now + decision.recheckAfter;
			return;
		}
		replica.busy = true;
		const seen = { secret: replica.secret.version, trust: replica.trust.version };
		later(chance() * LAG.write, () => {
			replica.busy = false;
			replica.wake = now + 1_000;
			if (!replica.cutOff) write(replica, decision, seen, clock);
		});
	};
	const write = (
		replica: Replica,
		decision: ReconcileStep,
		seen: { readonly secret: number; readonly trust: number },
		clock: number,
	): void => {
		if (decision.trust !== undefined && seen.trust === trust.version) {
			trust = { version: trust.version + 1, value: [decision.trust] };
			publishTrust();
		}
		if (decision.secret === undefined || seen.secret !== secret.version) return;
		const { state } = secret.value;
		secret = {
			version: secret.version + 1,
			value: { state: act(state, decision.secret, clock), exists: true },
		};
		publishSecret();
		if (replica.secret === undefined) throw new Error('a replica wrote what it had not seen');
	};
	const act = (state: CertificateState, action: ReconcileStep['secret'], clock: number): CertificateState => {
		const { leafLife, caLife } = plan.policy;
		const signedBy = (ca: CertificateInfo): CertificateInfo => {
			made = { ...made, leaves: made.leaves + 1 };
			return certificate(clock, Math.min(leafLife, ca.until - clock));
		};
		switch (action) {
			case 'prepare':
				made = { ...made, cas: made.cas + 1 };
				return { ...state, next: { ...certificate(clock, caLife), hasKey: true } };
			case 'promote': {
				const { next, current, leaf } = state;
				if (next === undefined) throw new Error('nothing to promote');
				const old = current === undefined ? [] : [{ ...current, neededUntil: leaf?.until ?? current.until }];
				const retired = [...old, ...state.retired].filter(({ neededUntil }) => neededUntil > clock);
				return { current: next, next: undefined, leaf: signedBy(next), retired };
			}
			case 'renew':
				if (state.current === undefined) throw new Error('nothing to renew with');
				return { ...state, leaf: signedBy(state.current) };
			default:
				return { ...state, retired: state.retired.filter(({ neededUntil }) => neededUntil > clock) };
		}
	};

	const faults: Readonly<Record<Fault['kind'], (position: number) => void>> = {
		'caBundle emptied': () => overwrite([]),
		'caBundle replaced': () => {
			const other = certificate(now, 360_000_000);
			planted.push(other.id);
			overwrite([other]);
		},
		'Secret deleted': () => {
			secret = { version: secret.version + 1, value: { state: EMPTY, exists: false } };
			publishSecret();
		},
		'Secret planted': () => {
			const current = { ...certificate(now, 36_000_000), hasKey: true };
			secret = { version: secret.version + 1, value: { state: { ...EMPTY, current }, exists: true } };
			publishSecret();
		},
		'replica restarted': (position) => {
			const replica = fresh(plan.clocks[position] ?? 0);
			replicas[position] = replica;
			seesAll(replica);
		},
		'replica cut off': (position) => {
			// One can always mend what others break.
			const replica = position === 0 ? undefined : replicas[position];
			if (replica === undefined) return;
			replica.cutOff = true;
			later(CUT_OFF_MS, () => {
				replica.cutOff = false;
				seesAll(replica);
			});
		},
	};
	const overwrite = (bundle: readonly CertificateInfo[]): void => {
		trust = { version: trust.version + 1, value: [bundle] };
		brokenUntil = now + MENDING;
		publishTrust();
	};
	const judge = (): void => {
		if (now < brokenUntil) return;
		for (const [r, { shown, clock }] of replicas.entries()) {
			// A replica without a certificate that holds by its own clock is not ready: nobody calls it.
			if (shown === undefined || !isValid(shown.leaf, now + clock)) continue;
			for (const [a, server] of apiServers.entries())
				failures.push(
					...refusals(server, shown, now).map((why) => `${now}: API server ${a}, replica ${r}: ${why}`),
				);
		}
	};

	publishSecret();
	publishTrust();
	for (const { at, kind, replica } of plan.faults)
		later(at, () => faults[kind](replica % plan.clocks.length));
	for (let steps = 0; ; steps += 1) {
		// As many as every replica can have reason for; more would be a quarrel.
		if (steps > MOST_STEPS)
			throw new Error(`${steps} steps by ${now}: ${JSON.stringify(secret.value.state)}`);
		events.sort((one, other) => one.at - other.at);
		const waking = replicas.reduce((first, one) => (one.wake < first.wake ? one : first));
		const event = events[0];
		if (event !== undefined && event.at <= waking.wake) {
			if (event.at > plan.length) break;
			events.shift();
			now = event.at;
			event.what();
		} else {
			if (waking.wake > plan.length) break;
			now = waking.wake;
			waking.wake = Number.POSITIVE_INFINITY;
			step(waking);
		}
		judge();
	}
	const shown = replicas.map((replica) => replica.shown);
	return { failures, ...made, shown, planted, trust: trust.value, state: secret.value.state };
}

/** Why an API server would not take a certificate, if so. */
function refusals(
	server: { readonly clock: number; readonly trust: Trust },
	shown: SignedLeaf,
	now: number,
): string[] {
	const refusals: string[] = [];
	if (!trusts(server.trust, shown.caId)) refusals.push(`the CA of ${shown.leaf.id} is not trusted`);
	if (!isValid(shown.leaf, now + server.clock)) refusals.push(`${shown.leaf.id} does not hold`);
	return refusals;
}
