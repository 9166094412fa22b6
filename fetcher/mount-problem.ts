import { Failure } from './failure.ts';
import type { Kv } from './kv.ts';
import { mountMistake, mountPath } from './mount.ts';
import type { Vault } from './vault.ts';

/** Asks Vault what the KV mount is; undefined when it is as the settings say, or Vault does not tell. */
export async function mountProblem(vault: Vault, kv: Kv): Promise<Failure | undefined> {
	const found = await vault.tryRead(mountPath(kv));
	const mistake = found.kind === 'found' ? mountMistake(kv, found.value) : undefined;
	return mistake === undefined ? undefined : new Failure('bad-answer', mistake.what, { cure: mistake.cure });
}
