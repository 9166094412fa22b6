import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { stringify } from 'yaml';
import { type Scratch, scratch } from '../../support/scratch.ts';
import { podOf } from '../../webhook/support/pods.ts';
import { envtier } from './command.ts';

/** A pod that asks for secrets. */
export const POD = stringify(podOf());
/** A pod with an unknown annotation. */
export const REFUSED = stringify(podOf({ deployment: 'shop', sevrice: 'web' }));
/** One that asks for nothing. */
export const PLAIN = stringify(podOf({}));

/** What `--output json` says of `objects`, and how the command ended. */
export async function explained(
	objects: readonly unknown[],
	args: readonly string[] = [],
	env: Readonly<Record<string, string>> = {},
) {
	const input = objects.map((object) => stringify(object)).join('---\n');
	const ended = await envtier(['explain', '-', '--output', 'json', ...args], { input, env });
	expect(ended.stdout, ended.stderr).not.toBe('');
	return { ...ended, report: JSON.parse(ended.stdout) };
}

/** A folder for the files of one test file's tests. */
export interface Folder {
	/** Its path; not known before the first test runs. */
	dir(): string;
	/** Writes a file there, whose name may hold folders; gives its path. */
	file(name: string, content: string): Promise<string>;
}

/** Makes a folder before the first test of the calling file and removes it after the last one. */
export function folderForTests(): Folder {
	let place: Scratch | undefined;
	beforeAll(async () => {
		place = await scratch('explain');
	});
	afterAll(() => place?.remove());
	const dir = (): string => {
		if (place === undefined) throw new Error('the folder exists only while tests run');
		return place.dir;
	};
	return {
		dir,
		file: async (name, content) => {
			const path = join(dir(), name);
			await mkdir(dirname(path), { recursive: true });
			await writeFile(path, content);
			return path;
		},
	};
}
