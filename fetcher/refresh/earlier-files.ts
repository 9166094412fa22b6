import process from 'node:process';
import type { Log } from '../log.ts';
import type { Settings } from '../settings.ts';
import { hasGeneration } from './generation.ts';
import type { LeaseState } from './lease-state.ts';
import { loadPrivateState, savePrivateState } from './private-file.ts';

/** The files that the pod had before its containers were restarted. */
export interface EarlierFiles {
	/** The sidecar wrote them for this restart, so they are current. */
	readonly current: boolean;
	/**
	 * Keeps them, and the tokens and leases of the sidecar, without a request to Vault.
	 *
	 * @param leases their states, if this run has changed them
	 */
	adopt(log: Log, leases?: ReadonlyMap<string, LeaseState>): void;
}

/**
 * The files of an earlier run in this pod, if the pod restarts its containers in place and every volume still
 * has its files.
 */
export function earlierFiles({ mode, onChange, privateDir, volumes }: Settings): EarlierFiles | undefined {
	if (mode !== 'initial' || onChange.kind !== 'restart') return undefined;
	const state = loadPrivateState(privateDir);
	if (state === undefined || !volumes.every(({ out }) => hasGeneration(out))) return undefined;
	return {
		// A sidecar that was ended in the same moment has revoked its leases.
		current: state.restart.requested && !state.ended,
		adopt: (log, leases) => {
			const restart = { ...state.restart, last: Date.now(), requested: false };
			const kept = leases === undefined ? {} : { leases, ended: false };
			savePrivateState(privateDir, { ...state, ...kept, pending: undefined, restart });
			log.info('files adopted after a restart of all containers', {
				keys: [...state.digests.keys()],
				revision: state.revision,
				uid: process.getuid?.(),
			});
		},
	};
}
