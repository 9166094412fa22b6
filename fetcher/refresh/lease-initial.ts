import { pause } from '../clock.ts';
import type { Deadline } from '../deadline.ts';
import { Failure } from '../failure.ts';
import { type GatheredSecrets, prepare } from '../fetch.ts';
import { type LeaseHandle, type LeaseParts, openLease, revokeLeases, revokeOne } from './lease.ts';
import { wallClock } from './lease-clock.ts';
import { isAlive, restored } from './lease-restart.ts';
import { withLeases, withoutLeaseKeys } from './lease-selection.ts';
import { abandoned, type LeaseState, mintFailed, NO_LEASE, nextStep, resumed } from './lease-state.ts';
import { loadPrivateState, NO_STATE, savePrivateState } from './private-file.ts';

/** The leases of an init container. */
export interface InitialLeases {
	/**
	 * Issues all leases, and adds their keys to the secrets of the tiers. Everything else is checked before.
	 *
	 * @throws Failure of a check or of a mint
	 */
	issue(found: GatheredSecrets): Promise<GatheredSecrets>;
	/** The states to leave to the sidecar. */
	states(): ReadonlyMap<string, LeaseState>;
	/** The states to leave to the sidecar if the containers start with the files of an earlier run. */
	statesOfEarlier(): ReadonlyMap<string, LeaseState>;
	/** Revokes everything that was issued. For an init container that fails. */
	revoke(timeout: number): Promise<void>;
}

/** Timeout for the tokens of an earlier run, in ms. They have no other use. */
const EARLIER_TIMEOUT = 2_000;

/**
 * Opens the leases of an init container. An earlier run may have left a private file: its tokens are revoked,
 * because all containers of the pod start anew.
 *
 * @param parts `keeps`: the pod restarts in place. Secrets of the earlier run stay, unless its end revoked
 * them.
 */
export function openInitialLeases(
	parts: Omit<LeaseParts, 'save'> & { readonly deadline: Deadline; readonly keeps: boolean },
): InitialLeases {
	const { settings, log, open, deadline, keeps } = parts;
	const earlier = loadPrivateState(settings.privateDir);
	const hasEnded = earlier?.ended === true;
	const states = (): Map<string, LeaseState> => new Map(leases.map((one) => [one.name, one.state()]));
	const save = (): void =>
		savePrivateState(settings.privateDir, { ...(earlier ?? NO_STATE), ended: false, leases: states() });
	const earlierOf = (name: string): LeaseState => resumed(earlier?.leases.get(name) ?? NO_LEASE, wallClock());
	const leases: readonly LeaseHandle[] = [...settings.leases].map(([name, lease]) => {
		const state = earlierOf(name);
		const isKept = keeps && !hasEnded && isAlive(state, wallClock());
		return openLease({ ...parts, save }, name, lease, isKept ? state : abandoned(state));
	});

	/** Waits as the lease asks, unless that exceeds the deadline. */
	const wait = async (until: number, last: Failure | undefined): Promise<void> => {
		const ms = Math.max(0, until - wallClock());
		if (ms < deadline.left()) return await pause(ms);
		throw (
			last?.withMessage(`${last.message}; given up after ${deadline.span / 1_000} s (ENVTIER_DEADLINE)`) ??
			new Failure(
				'unreachable',
				'two requests for leases within a minute have failed or were interrupted, and a third one must wait',
				{ cure: 'look at the log of the earlier runs of this container' },
			)
		);
	};

	/** Returns why the mint failed, if it may be tried again; undefined on success. */
	const tryMint = async (one: LeaseHandle): Promise<Failure | undefined> => {
		try {
			await one.mint(() => undefined);
			return undefined;
		} catch (thrown) {
			if (!(thrown instanceof Failure)) throw thrown;
			one.set(mintFailed(one.state(), wallClock(), Math.random(), thrown.retryAfter));
			if (!thrown.retryable) throw thrown;
			log.warn(`${thrown.message}; trying again`, { lease: one.name });
			return thrown;
		}
	};

	const issueOne = async (one: LeaseHandle): Promise<void> => {
		let last: Failure | undefined;
		while (one.state().current === undefined) {
			const step = nextStep(one.state(), wallClock());
			if (step.kind === 'revoke') await one.revoke(step.token);
			else if (step.kind === 'wait') await wait(step.until, last);
			else last = await tryMint(one);
		}
	};

	return {
		issue: async (found) => {
			// A mint is not repeatable, so everything that can fail without it comes first.
			const quiet = { ...log, warn: log.debug };
			prepare(found, { settings: withoutLeaseKeys(settings, found.secrets), log: quiet });
			if (earlier?.token !== undefined) await revokeOne(open, earlier.token, EARLIER_TIMEOUT);
			const outcomes = await Promise.allSettled(leases.map(issueOne));
			for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
			const values = leases.flatMap((one) => one.state().current?.values ?? []);
			return { ...found, secrets: withLeases(found.secrets, values) };
		},
		states,
		statesOfEarlier: () =>
			new Map(
				leases.map((one) => [one.name, restored(earlierOf(one.name), one.state(), wallClock(), hasEnded)]),
			),
		revoke: async (timeout) => {
			await revokeLeases(leases, open, timeout);
			for (const one of leases) one.set(abandoned(one.state()));
		},
	};
}
