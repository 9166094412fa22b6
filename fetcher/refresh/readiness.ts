import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeNew } from '../new-file.ts';

/** Exists in the private directory while the readiness probe of the sidecar fails. */
const LEAVING = 'leaving';

/** Lets the readiness probe fail or succeed. */
export function setReady(privateDir: string, ready: boolean): void {
	rmSync(join(privateDir, LEAVING), { force: true });
	if (!ready) writeNew(join(privateDir, LEAVING), '');
}

/** The answer to the readiness probe. */
export function isReady(privateDir: string): boolean {
	return !existsSync(join(privateDir, LEAVING));
}
