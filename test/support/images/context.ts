import { createHash, type Hash } from 'node:crypto';
import { cp, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Scratch, scratch } from '../scratch.ts';

/** What a builder gets to see, as it was at one moment: sources may change while an image is built. */
export interface Context extends Scratch {
	/** Hash of all of it. */
	readonly key: string;
}

/**
 * Copies what `.dockerignore` of the repository `root` lets through, and the Dockerfile.
 *
 * @param without names that this image has no use for
 */
export async function copyContext(
	root: string,
	dockerfile: string,
	without: readonly string[],
): Promise<Context> {
	const ignore = await readFile(join(root, '.dockerignore'), 'utf8');
	const allowed = [...ignore.matchAll(/^!(.+)$/gm)].map((match) => match[1] ?? '');
	const names = allowed.filter((name) => !without.includes(name));
	const copy = await scratch('context');
	for (const name of ['.dockerignore', dockerfile, ...names])
		await cp(join(root, name), join(copy.dir, name), { recursive: true });
	const hash = createHash('sha256');
	await hashInto(hash, copy.dir);
	return { ...copy, key: hash.digest('hex') };
}

/** Takes in names and contents of a file, or of all that is below a folder. */
export async function hashInto(hash: Hash, path: string, name = ''): Promise<void> {
	if (!(await stat(path)).isDirectory()) {
		hash.update(`\0${name}\0`).update(await readFile(path));
		return;
	}
	for (const entry of (await readdir(path)).sort())
		await hashInto(hash, join(path, entry), `${name}/${entry}`);
}
