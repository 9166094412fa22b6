import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory of the test's own. It is removed when the process ends, if not before. */
export interface Scratch extends AsyncDisposable {
	readonly dir: string;
	remove(): Promise<void>;
}

/** Makes an empty directory for `purpose`, which becomes part of its name. */
export async function scratch(purpose: string): Promise<Scratch> {
	const dir = await mkdtemp(join(tmpdir(), `envtier-${purpose}-`));
	const sweep = (): void => rmSync(dir, { recursive: true, force: true });
	process.once('exit', sweep);
	const remove = async (): Promise<void> => {
		process.off('exit', sweep);
		await rm(dir, { recursive: true, force: true });
	};
	return { dir, remove, [Symbol.asyncDispose]: remove };
}
