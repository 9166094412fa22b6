import { Failure } from '../failure.ts';
import { type LeaseHandle, type LeaseParts, openLease, revokeLeases } from './lease.ts';
import { wallClock } from './lease-clock.ts';
import { renew } from './lease-mint.ts';
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

/** What the sidecar does for its leases. */
export interface KeeperParts extends Omit<LeaseParts, 'save'> {
	readonly states: ReadonlyMap<string, LeaseState>;
	readonly save: (states: ReadonlyMap<string, LeaseState>) => void;
	/** Reads the tiers unless they were read before: without them no file can be written. */
	readonly ready: () => Promise<void>;
	/**
	 * Renders the files with the values of all leases.
	 *
	 * @throws Failure if they cannot be rendered
	 */
	readonly check: (values: LeaseValues) => void;
	/** Writes the files with the current values of all leases, and notifies the application. */
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
	const stopping = Promise.withResolvers<void>();
	let stopped = false;

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
				if (values() === undefined) one.set(writeFailed(one.state(), wallClock(), Math.random()));
				else write();
				return;
			case 'revoke':
				return await one.revoke(step.token);
			case 'wait':
				return await sleepUntil(step.until);
			default:
				return step satisfies never;
		}
	};

	const renewOne = async (one: LeaseHandle, grant: Grant): Promise<void> => {
		const sent = wallClock();
		const renewal = await renew(open(grant.token), grant);
		if (renewal === undefined) {
			log.info('lease is replaced: Vault refused to renew it', { lease: one.name });
			one.set(renewalRefused(one.state(), wallClock()));
			return;
		}
		one.set(renewed(one.state(), renewal, sent, Math.random()));
		if (one.state().replace) log.info('lease is replaced: it is near its maximum', { lease: one.name });
		else log.debug('lease renewed', { lease: one.name, ttlSeconds: renewal.ttl / 1_000 });
	};

	const sleepUntil = async (until: number): Promise<void> => {
		const timer = Promise.withResolvers<void>();
		// The longest time of a timer is 2^31 - 1 ms.
		const timeout = setTimeout(timer.resolve, Math.min(Math.max(0, until - wallClock()), 3_600_000));
		await Promise.race([timer.promise, stopping.promise]);
		clearTimeout(timeout);
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
			if (!stopped) fail(one, step, thrown, last);
			return thrown.reason;
		}
		if (step.kind === 'wait' || step.kind === 'revoke') return last;
		if (last !== '') log.info('lease is current again', { lease: one.name });
		return '';
	};

	const keep = async (one: LeaseHandle): Promise<void> => {
		let problem = '';
		while (!stopped) problem = await attempt(one, nextStep(one.state(), wallClock()), problem);
	};

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
		stop: () => {
			stopped = true;
			stopping.resolve();
		},
		values,
		written: () => {
			for (const one of leases) one.set(filesWritten(one.state(), Math.random()));
		},
		revoke: (timeout) => revokeLeases(leases, open, timeout),
	};
}
