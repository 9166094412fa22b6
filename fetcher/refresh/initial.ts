import type { PreparedFiles } from '../fetch.ts';
import type { SavedToken } from '../vault.ts';
import { digestsOf, revisionOfSecrets } from './digests.ts';
import { writeGeneration } from './generation.ts';
import { filesWritten, type LeaseState } from './lease-state.ts';
import { loadPrivateState, NO_STATE, savePrivateState } from './private-file.ts';
import { NO_RESTARTS } from './restart.ts';

/**
 * Writes the first generation of each volume, and the private file with the tokens and leases for the
 * sidecar.
 *
 * @param spread ms within which pods take turns to replace a lease, if that restarts them
 * @returns the revision of the secrets
 */
export function writeInitial(
	{ secrets, found, volumes }: PreparedFiles,
	privateDir: string,
	token: SavedToken | undefined,
	leases: ReadonlyMap<string, LeaseState> = new Map(),
	spread = 0,
): string {
	const revision = revisionOfSecrets(found);
	for (const { out, outputs } of volumes) writeGeneration(out, outputs);
	const written = new Map(
		[...leases].map(([name, state]) => [name, filesWritten(state, Math.random(), spread)]),
	);
	const digests = digestsOf(secrets);
	// In a pod whose containers were restarted, the private file of the last run is still there.
	const earlier = loadPrivateState(privateDir);
	// Without a revision, it is of a run that failed.
	const isFirst = earlier === undefined || earlier.revision === '';
	const restart = isFirst ? NO_RESTARTS : { ...earlier.restart, last: Date.now(), requested: false };
	const request = earlier?.request ?? '';
	savePrivateState(privateDir, { ...NO_STATE, token, digests, revision, request, restart, leases: written });
	return revision;
}
