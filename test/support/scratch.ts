import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory of our own, gone when the process ends at the latest. */
export interface Scratch {
	readonly dir: string;
	remove(): Promise<void>;
}

/** Makes an empty directory for `purpose`, which becomes part of its name. */
export async function scratch(purpose: string): Promise<Scratch> {
	const dir = await mkdtemp(join(tmpdir(), `envtier-${purpose}-`));
	const sweep = (): void => rmSync(dir, { recursive: true, force: true });
	process.once('exit', sweep);
	return {
		dir,
		remove: async () => {
			process.off('exit', sweep);
			await rm(dir, { recursive: true, force: true });
		},
	};
}
