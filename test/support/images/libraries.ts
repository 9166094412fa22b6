import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { runProcess } from '../process.ts';

/**
 * Absolute paths of the shared libraries of a program of this machine, its loader included. None for a static
 * program. Leaves out libraries that this machine lacks.
 */
export async function sharedLibraries(program: string): Promise<readonly string[]> {
	const { stdout } = await runProcess({ command: 'ldd', args: [program] });
	return [...stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map((match) => match[1] ?? '');
}

/**
 * Rejects when a program of an image cannot start because the image lacks one of its libraries. The container
 * would fail with "no such file or directory", which does not name the library.
 *
 * @param rootfs the files of the image
 * @param programs paths in the image, without a leading slash, of programs of this machine's architecture
 */
export async function checkPrograms(
	image: string,
	rootfs: string,
	programs: readonly string[],
): Promise<void> {
	for (const program of programs) {
		for (const library of await sharedLibraries(join(rootfs, program))) {
			const found = await access(join(rootfs, library)).then(
				() => true,
				() => false,
			);
			if (found) continue;
			throw new Error(
				`image ${image}: /${program} cannot start there: it is linked to ${library}, which the image lacks. ` +
					'Use a statically linked program, or add the library to the image.',
			);
		}
	}
}
