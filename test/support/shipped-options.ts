import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const DOCKERFILE = join(import.meta.dirname, '../../Dockerfile.webhook');

/** The options of Node in the webhook's image, so that tests and benches run what ships. */
export async function shippedOptions(): Promise<readonly string[]> {
	const text = await readFile(DOCKERFILE, 'utf8');
	const entrypoint = JSON.parse(/^ENTRYPOINT (\[.*\])$/m.exec(text)?.[1] ?? '[]') as string[];
	if (entrypoint.length < 2) throw new Error('Dockerfile.webhook has no ENTRYPOINT that can be read');
	return entrypoint.slice(1, -1);
}
