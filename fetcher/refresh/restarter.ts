import { now } from '../clock.ts';
import { Failure } from '../failure.ts';
import type { Log } from '../log.ts';
import type { Settings } from '../settings.ts';
import { setReady } from './readiness.ts';
import {
	mayRestartAt,
	nextStep,
	type RestartEvent,
	type RestartMemory,
	type RestartState,
	startState,
	wakesAt,
} from './restart.ts';

/** Dependencies of a restarter. */
export interface RestarterParts {
	readonly settings: Settings;
	readonly log: Log;
	/** What the private file says. */
	readonly memory: RestartMemory;
	/** Saves the memory. Without a restart, no change is pending any more. */
	readonly save: (memory: RestartMemory) => void;
	/** The pod leaves its endpoints: leases that wait for a restart are replaced now. */
	readonly leave: () => void;
	/** Resolves when no request for a lease is under way any more. None is begun then. */
	readonly settle: () => Promise<void>;
	/** Passes what is to be written to `checked`, with the leases of this moment. */
	readonly prepare: () => void;
}

/** A change that is not delivered yet. */
export interface Undelivered {
	readonly keys: readonly string[];
	/** Writes the files. */
	readonly write: (how: 'before-restart' | 'without-restart') => void;
}

/** Restarts all containers of the pod after changes. */
export interface Restarter {
	/**
	 * Takes the result of a check; undefined: everything is delivered.
	 *
	 * @param urgent the pod has had its turn: the files get a new secret, whose predecessor ends
	 */
	checked(change: Undelivered | undefined, urgent?: boolean): void;
	/** When to call `proceed`, in milliseconds of the monotonic clock. */
	wakesAt(): number;
	/** The first time at which the pod may restart, by the same clock. */
	mayRestartAt(): number;
	/** Whether the pod has left its endpoints. No check may delay the restart then. */
	isLeaving(): boolean;
	/** Does what is due. */
	proceed(): Promise<'nothing' | 'restart' | 'failed'>;
	/** The sidecar stops. */
	close(): void;
}

/** For a sidecar that does not restart its pod: changes are written when they are found. */
export const NO_RESTARTER: Restarter = {
	checked: (change) => change?.write('without-restart'),
	wakesAt: () => Number.POSITIVE_INFINITY,
	mayRestartAt: () => 0,
	isLeaving: () => false,
	proceed: () => Promise.resolve('nothing'),
	close: () => undefined,
};

const UNHEEDED =
	'the kubelet did not restart the containers after exit code 97: files are kept current, but changes do not restart the containers. The node needs Kubernetes 1.36 with the feature gate RestartAllContainersOnContainerExits';

/** Opens the restarter of a sidecar that starts. */
export function openRestarter(parts: RestarterParts): Restarter {
	const { settings, log, memory, save } = parts;
	const { privateDir, spread } = settings;
	let state: RestartState = startState(memory, now(), Date.now());
	let change: Undelivered | undefined;
	let closed = false;
	// The sidecar before this one may have been killed while it failed the probe.
	setReady(privateDir, true);
	if (memory.requested) {
		log.warn(UNHEEDED);
		save({ ...memory, requested: false, unheeded: true });
	}

	const take = (event: RestartEvent) => {
		const step = nextStep(state, event, now(), spread);
		state = step.state;
		return step.action;
	};

	const restart = (): 'restart' | 'failed' => {
		try {
			parts.prepare();
			change?.write('before-restart');
			// Last: a sidecar that starts and finds this concludes that the kubelet ignored its exit code.
			save({ last: Date.now(), requested: true, unheeded: false });
		} catch (thrown) {
			if (!(thrown instanceof Failure)) throw thrown;
			log.warn(`the restart is put off, the files could not be written: ${thrown.message}`);
			take({ kind: 'failed', random: Math.random() });
			setReady(privateDir, true);
			return 'failed';
		}
		log.info('restarting all containers', { keys: change?.keys });
		return 'restart';
	};

	return {
		checked: (found, urgent = false) => {
			const before = state;
			change = found;
			if (found === undefined) {
				take({ kind: 'unchanged' });
				return;
			}
			if (take({ kind: 'changed', random: Math.random(), urgent }) === 'write')
				found.write('without-restart');
			if (before.kind === 'idle' && state.kind === 'waiting') {
				const seconds = Math.round((state.at - now()) / 1000);
				log.info('secrets changed, all containers will restart', { keys: found.keys, seconds });
			}
		},
		wakesAt: () => wakesAt(state),
		mayRestartAt: () => mayRestartAt(state),
		isLeaving: () => state.kind === 'leaving',
		proceed: async () => {
			const action = take({ kind: 'time' });
			if (action === 'leave') {
				setReady(privateDir, false);
				parts.leave();
			}
			if (action !== 'restart') return 'nothing';
			await parts.settle();
			return closed ? 'nothing' : restart();
		},
		close: () => {
			closed = true;
			setReady(privateDir, true);
		},
	};
}
