import { access } from 'node:fs/promises';
import { join } from 'node:path';

/** The root folder of the project. */
export const ROOT = join(import.meta.dirname, '../../..');

/** Path of a built program, the same file as in its image. */
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
