import { Failure } from './failure.ts';
import type { Kv } from './kv.ts';
import { mountMistake, mountPath } from './mount.ts';
import type { Vault } from './vault.ts';

/** Compares the KV mount in Vault with the settings. Undefined if they agree or Vault does not answer. */
export async function mountProblem(vault: Vault, kv: Kv): Promise<Failure | undefined> {
	const found = await vault.tryRead(mountPath(kv));
	const mistake = found.kind === 'found' ? mountMistake(kv, found.value) : undefined;
	return mistake === undefined ? undefined : new Failure('bad-answer', mistake.what, { cure: mistake.cure });
}
