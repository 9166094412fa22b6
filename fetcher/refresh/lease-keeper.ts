import { Failure } from '../failure.ts';
import { type LeaseHandle, type LeaseParts, openLease, revokeLeases, spreadOf } from './lease.ts';
import { wallClock } from './lease-clock.ts';
import { renew } from './lease-mint.ts';
import { handedOver, hurried } from './lease-restart.ts';
import {
	filesWritten,
	type Grant,
	type LeaseState,
	mintFailed,
	NO_LEASE,
	nextStep,
	renewalFailed,
	renewalRefused,
	renewed,
	resumed,
	type Step,
	writeFailed,
} from './lease-state.ts';
import { openStepControl } from './step-control.ts';

/** What the sidecar does for its leases. */
export interface KeeperParts extends Omit<LeaseParts, 'save'> {
	readonly states: ReadonlyMap<string, LeaseState>;
	readonly save: (states: ReadonlyMap<string, LeaseState>) => void;
	/** The first time at which a new secret can reach the application, in ms since 1970. */
	readonly mintsFrom: () => number;
	/** Reads the tiers unless they were read before: without them no file can be written. */
	readonly ready: () => Promise<void>;
	/**
	 * Renders the files with the values of all leases.
	 *
	 * @throws Failure if they cannot be rendered
	 */
	readonly check: (values: LeaseValues) => void;
	/** Writes the files with the values of all leases, and notifies the application or restarts for it. */
	readonly write: () => void;
}

/** The values of each lease. */
export type LeaseValues = readonly ReadonlyMap<string, string>[];

/** Keeps the leases of a sidecar alive. */
export interface LeaseKeeper {
	/** Runs until `stop`. */
	start(): void;
	stop(): void;
	/** The values of all leases; undefined if one has none yet. */
	values(): LeaseValues | undefined;
	/** The files hold the current values. */
	written(): void;
	/** Whether the files lack a current value. */
	isUnwritten(): boolean;
	/** A restart could not write the files. */
	notWritten(): void;
	/** Replaces now what waits for its turn. */
	hurry(): void;
	/** Begins no further step. Resolves when none is under way. */
	hold(): Promise<void>;
	/** Goes on after `hold`. */
	release(): void;
	/** Revokes everything. Returns how many tokens of how many were revoked. */
	revoke(timeout: number): ReturnType<typeof revokeLeases>;
}

/** Opens the keeper of the leases in the settings. */
export function openLeaseKeeper(parts: KeeperParts): LeaseKeeper {
	const { settings, log, open, states, ready, check, write } = parts;
	const save = (): void => parts.save(new Map(leases.map((one) => [one.name, one.state()])));
	const leases: readonly LeaseHandle[] = [...settings.leases].map(([name, lease]) =>
		openLease({ ...parts, save }, name, lease, resumed(states.get(name) ?? NO_LEASE, wallClock())),
	);
	const spread = spreadOf(settings);
	const control = openStepControl();

	const values = (): LeaseValues | undefined => {
		const found = leases.flatMap((one) => one.state().current?.values ?? []);
		return found.length === leases.length ? found : undefined;
	};

	/** Renders with the new secret, if every other lease has one. */
	const acceptable = (one: LeaseHandle, grant: Grant): void => {
		const others = leases
			.filter((other) => other !== one)
			.flatMap((other) => other.state().current?.values ?? []);
		if (others.length === leases.length - 1) check([...others, grant.values]);
	};

	const take = async (one: LeaseHandle, step: Step): Promise<void> => {
		switch (step.kind) {
			case 'mint':
				await ready();
				await one.mint((grant) => acceptable(one, grant));
				return;
			case 'renew':
				return await renewOne(one, step.grant);
			case 'write':
				await ready();
				// Another lease has no secret yet: its mint writes the files.
				if (values() === undefined) {
					one.set(writeFailed(one.state(), wallClock(), Math.random()));
					return;
				}
				write();
				if (!one.state().written) one.set(handedOver(one.state(), wallClock()));
				return;
			case 'revoke':
				return await one.revoke(step.token);
			case 'wait':
				return await control.sleepUntil(step.until);
			default:
				return step satisfies never;
		}
	};

	/** The fields of a log line that say when a lease is replaced. */
	const turn = (one: LeaseHandle) => ({
		lease: one.name,
		...(spread === 0 ? {} : { seconds: Math.round(Math.max(0, one.state().due - wallClock()) / 1_000) }),
	});

	const renewOne = async (one: LeaseHandle, grant: Grant): Promise<void> => {
		const sent = wallClock();
		const renewal = await renew(open(grant.token), grant);
		if (renewal === undefined) {
			one.set(renewalRefused(one.state(), wallClock(), Math.random(), spread));
			log.info('lease is replaced: Vault refused to renew it', turn(one));
			return;
		}
		one.set(renewed(one.state(), renewal, sent, Math.random(), spread));
		if (one.state().replace) log.info('lease is replaced: it is near its maximum', turn(one));
		else log.debug('lease renewed', { lease: one.name, ttlSeconds: renewal.ttl / 1_000 });
	};

	/** Records a failed step, and logs it once for each reason. */
	const fail = (one: LeaseHandle, step: Step, failure: Failure, last: string): void => {
		record(one, step, failure);
		log[failure.reason === last ? 'debug' : 'warn'](
			`the step "${step.kind}" of lease ${one.name} failed, the files stay as they are: ${failure.message}`,
			{ lease: one.name, reason: failure.reason, failures: one.state().failures },
		);
	};

	/** Runs one step. Returns the reason of its failure, or the last one if the step says nothing about it. */
	const attempt = async (one: LeaseHandle, step: Step, last: string): Promise<string> => {
		try {
			await take(one, step);
		} catch (thrown) {
			if (!(thrown instanceof Failure)) throw thrown;
			if (!control.isStopped()) fail(one, step, thrown, last);
			return thrown.reason;
		}
		if (step.kind === 'wait' || step.kind === 'revoke') return last;
		if (last !== '') log.info('lease is current again', { lease: one.name });
		return '';
	};

	const keep = async (one: LeaseHandle): Promise<void> => {
		let problem = '';
		let ended: Grant | undefined;
		while (!control.isStopped()) {
			for (let held = control.held(); held !== undefined; held = control.held()) await held;
			const { current, written } = one.state();
			if (written && current !== ended && isEnded(current)) {
				ended = current;
				log.warn(`lease ${one.name} has ended before it could be replaced`, { lease: one.name });
			}
			const step = nextStep(one.state(), wallClock(), parts.mintsFrom());
			const attempted = attempt(one, step, problem);
			problem = await (step.kind === 'wait' ? attempted : control.track(attempted));
		}
	};

	/** The change of a static secret is no end of a lease. */
	const isEnded = (grant: Grant | undefined): boolean =>
		grant !== undefined && grant.continuation !== 'reread' && wallClock() >= grant.expires;

	/** Records a failed step in the state, so that it is repeated later. */
	const record = (one: LeaseHandle, { kind }: Step, { retryAfter }: Failure): void => {
		const now = wallClock();
		const random = Math.random();
		if (kind === 'mint') one.set(mintFailed(one.state(), now, random, retryAfter));
		else if (kind === 'renew') one.set(renewalFailed(one.state(), now, random, retryAfter));
		else one.set(writeFailed(one.state(), now, random));
	};

	return {
		start: () => {
			for (const one of leases) void keep(one);
		},
		stop: control.stop,
		values,
		written: () => {
			for (const one of leases) one.set(filesWritten(one.state(), Math.random(), spread));
		},
		isUnwritten: () => leases.some((one) => !one.state().written),
		notWritten: () => {
			for (const one of leases)
				if (!one.state().written) one.set(writeFailed(one.state(), wallClock(), Math.random()));
		},
		hurry: () => {
			for (const one of leases) one.set(hurried(one.state(), wallClock()));
			control.wake();
		},
		hold: control.hold,
		release: control.release,
		revoke: (timeout) => revokeLeases(leases, open, timeout),
	};
}
