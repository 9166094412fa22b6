import { abandoned } from './lease-state.ts';
import { loadPrivateState, NO_STATE, type PrivateState, savePrivateState } from './private-file.ts';

/** What a sidecar remembers, also for the process after it. */
export interface Memory {
	readonly state: () => PrivateState;
	/** Changes the state, for the next `save`. */
	note(change: Partial<PrivateState>): void;
	/**
	 * Changes the state, and writes all of it to the private volume.
	 *
	 * @throws Failure if it cannot be written
	 */
	save(change: Partial<PrivateState>): void;
}

/** Opens the memory with what the process before has left on the private volume. */
export function openMemory(privateDir: string): Memory {
	let state = loadPrivateState(privateDir) ?? NO_STATE;
	const note = (change: Partial<PrivateState>): void => {
		state = { ...state, ...change };
	};
	const save = (change: Partial<PrivateState>): void => {
		note(change);
		savePrivateState(privateDir, state);
	};
	if (state.ended)
		// SIGTERM ended an earlier process, which has revoked everything, but not the pod.
		save({
			token: undefined,
			leases: new Map([...state.leases].map(([name, lease]) => [name, abandoned(lease)])),
			ended: false,
		});
	return { state: () => state, note, save };
}
