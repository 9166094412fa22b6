import { chmod, copyFile, mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { packImage } from '../../images/archive.ts';
import { checkPrograms } from '../../images/libraries.ts';
import { ownArchitecture } from '../../images/platform.ts';
import { scratch } from '../../scratch.ts';

/** An image of one layer, made from files of this machine without a registry. */
export interface PlainImage {
	/** `localhost/name:tag` */
	readonly reference: string;
	/** Programs by their path in the image. */
	readonly programs: Readonly<Record<string, string>>;
	/** Symbolic links by their path in the image. */
	readonly links?: Readonly<Record<string, string>>;
	readonly command: readonly string[];
}

/** Writes the image to `file`, in the form that `docker save` has and containerd, podman and docker load. */
export async function writeImage(image: PlainImage, file: string): Promise<void> {
	const { dir, remove } = await scratch('image');
	try {
		const root = join(dir, 'root');
		for (const [path, source] of Object.entries(image.programs)) {
			await mkdir(dirname(join(root, path)), { recursive: true });
			await copyFile(source, join(root, path));
			await chmod(join(root, path), 0o755);
		}
		for (const [path, target] of Object.entries(image.links ?? {})) {
			await mkdir(dirname(join(root, path)), { recursive: true });
			await symlink(target, join(root, path));
		}
		await checkPrograms(
			image.reference,
			root,
			Object.keys(image.programs).map((path) => path.slice(1)),
		);
		const arch = ownArchitecture();
		if (arch === undefined) throw new Error('images are made on Linux, on amd64 or arm64');
		const config = { Cmd: image.command, Env: ['PATH=/bin'] };
		await packImage({ ref: image.reference, arch, rootfs: root, config }, dir, file);
	} finally {
		await remove();
	}
}
