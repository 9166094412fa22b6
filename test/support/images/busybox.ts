import { chmod, copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from '../cache.ts';
import { onPath } from '../process.ts';
import { SUITE, unpackPackages } from './debian-root.ts';
import { sharedLibraries } from './libraries.ts';
import { ownArchitecture } from './platform.ts';

/**
 * Returns the path of a statically linked busybox; only that starts in an image without libraries. Uses the
 * busybox on PATH if it is static. Debian's `busybox`, which initramfs-tools installs, is dynamic and
 * conflicts with `busybox-static`; then the static one is unpacked into the cache, and the installed package
 * stays. Rejects if apt cannot download it.
 */
export async function staticBusybox(): Promise<string> {
	const installed = onPath('busybox');
	if (installed !== undefined && (await sharedLibraries(installed)).length === 0) return installed;
	const arch = ownArchitecture();
	if (arch === undefined) throw new Error('images are made on Linux, on amd64 or arm64');
	const install = async (into: string): Promise<void> => {
		const work = join(into, 'work');
		const rootfs = join(work, 'rootfs');
		await mkdir(work);
		await unpackPackages({ packages: ['busybox-static'], arch, rootfs, work });
		await copyFile(join(rootfs, 'bin/busybox'), join(into, 'busybox'));
		await chmod(join(into, 'busybox'), 0o755);
		await rm(work, { recursive: true });
	};
	return join(await cached({ name: 'busybox-static', version: `${SUITE}-${arch}`, install }), 'busybox');
}
