import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Architecture } from './platform.ts';
import { mustRun } from './run.ts';

/** Debian's release in the base that the Dockerfiles name. */
export const SUITE = 'bookworm';

/** What to unpack, and where. */
export interface DebianRoot {
	readonly packages: readonly string[];
	readonly arch: Architecture;
	/** Folder that receives the files of the packages and of what they depend on. */
	readonly rootfs: string;
	/** Folder for apt's own files; it may be removed afterwards. */
	readonly work: string;
}

/**
 * Downloads Debian packages of `SUITE` and unpacks them. Installs nothing and runs none of their programs.
 */
export async function unpackPackages({ packages, arch, rootfs, work }: DebianRoot): Promise<void> {
	await mkdir(rootfs, { recursive: true });
	const env = { ARCH: arch, SUITE, PACKAGES: packages.join(' '), ROOTFS: rootfs, WORK: work };
	await mustRun({
		name: 'unpacking Debian packages',
		command: 'sh',
		args: [join(import.meta.dirname, 'debian-root.sh')],
		env: { ...process.env, ...env },
		timeoutMs: 600_000,
	});
}
