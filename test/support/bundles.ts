import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { cachedForDays } from './cache.ts';
import { hashInto } from './images/context.ts';
import { runProcess } from './process.ts';

const ROOT = join(import.meta.dirname, '../..');

/** What bundles are made of. */
const SOURCES = [
	...['api', 'cli', 'contract', 'controller', 'fetcher', 'lib', 'pki', 'policy', 'ui', 'webhook'],
	...['build', 'build.ts', 'package.json', 'package-lock.json'],
];

/** A program that ships as one file for Node. */
type Bundled = 'webhook' | 'api' | 'controller' | 'envtier';

/**
 * The shipped bundle of a program, built from the current sources. Built once for all test files; again when
 * a source, the build or a package changes. It starts in a quarter of the time of the sources.
 */
export async function bundleOf(program: Bundled): Promise<string> {
	bundles ??= build();
	return join(await bundles, `${program}.mjs`);
}

let bundles: Promise<string> | undefined;

async function build(): Promise<string> {
	const hash = createHash('sha256').update(process.version);
	for (const path of SOURCES) await hashInto(hash, join(ROOT, path), path);
	const install = async (dir: string): Promise<void> => {
		const args = ['build.ts', `--out=${dir}`, 'webhook', 'api', 'controller', 'envtier'];
		const { code, stderr } = await runProcess({ command: process.execPath, args, cwd: ROOT });
		if (code !== 0) throw new Error(`node ${args.join(' ')} failed:\n${stderr}`);
	};
	return await cachedForDays({ name: 'bundles', version: hash.digest('hex').slice(0, 12), install });
}
