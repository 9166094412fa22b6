import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** The options of Node in an image, so that tests and benches run what ships. */
export async function shippedOptions(
	image: 'webhook' | 'controller' = 'webhook',
): Promise<readonly string[]> {
	const file = `Dockerfile.${image}`;
	const text = await readFile(join(ROOT, file), 'utf8');
	const entrypoint = JSON.parse(/^ENTRYPOINT (\[.*\])$/m.exec(text)?.[1] ?? '[]') as string[];
	if (entrypoint.length < 2) throw new Error(`${file} has no ENTRYPOINT that can be read`);
	return entrypoint.slice(1, -1);
}

/** The variables of the environment in an image. */
export async function shippedEnvironment(image: 'controller'): Promise<Readonly<Record<string, string>>> {
	const file = `Dockerfile.${image}`;
	const text = await readFile(join(ROOT, file), 'utf8');
	const variables = /^ENV (.+)$/m.exec(text)?.[1]?.split(' ') ?? [];
	if (variables.length === 0) throw new Error(`${file} has no ENV that can be read`);
	return Object.fromEntries(variables.map((variable) => variable.split('=')));
}
