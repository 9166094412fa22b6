import type { PreparedFiles } from '../fetch.ts';
import type { SavedToken } from '../vault.ts';
import { digestsOf, revisionOfSecrets } from './digests.ts';
import { writeGeneration } from './generation.ts';
import { savePrivateState } from './private-file.ts';

/**
 * Writes the first generation of each volume, and the private file with the token for the sidecar.
 *
 * @returns the revision of the secrets
 */
export function writeInitial(
	{ secrets, volumes }: PreparedFiles,
	privateDir: string,
	token: SavedToken | undefined,
): string {
	const revision = revisionOfSecrets(secrets);
	for (const { out, outputs } of volumes) writeGeneration(out, outputs);
	const digests = digestsOf(secrets);
	savePrivateState(privateDir, { token, digests, revision, pending: undefined, request: '' });
	return revision;
}
