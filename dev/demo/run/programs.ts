import { access } from 'node:fs/promises';
import { join } from 'node:path';

/** The project's folder. */
export const ROOT = join(import.meta.dirname, '../../..');

/** The file of a built program: the very one that goes into its image. */
export async function builtProgram(name: 'webhook' | 'fetcher' | 'api' | 'envtier'): Promise<string> {
	const file = join(ROOT, `dist/${name}.mjs`);
	try {
		await access(file);
	} catch {
		throw new Error(`dist/${name}.mjs is not there: run \`make build\` first`);
	}
	return file;
}
