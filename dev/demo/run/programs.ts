import { access } from 'node:fs/promises';
import { join } from 'node:path';

/** The project's folder. */
export const ROOT = join(import.meta.dirname, '../../..');

/** The file of a built program: the very one that goes into its image. */
export async function builtProgram(name: 'webhook' | 'fetcher' | 'api' | 'envtier'): Promise<string> {
	// The fetcher is an executable, the others are bundles for Node.
	const file = `dist/${name}${name === 'fetcher' ? '' : '.mjs'}`;
	try {
		await access(join(ROOT, file));
	} catch {
		throw new Error(`${file} is not there: run \`make build\` first`);
	}
	return join(ROOT, file);
}
