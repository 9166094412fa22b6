import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runProcess } from '../../process.ts';
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
		await tar(join(dir, 'layer.tar'), root, '.');
		const digest = sha256(await readFile(join(dir, 'layer.tar')));
		const config = JSON.stringify({
			architecture: process.arch === 'x64' ? 'amd64' : process.arch,
			os: 'linux',
			config: { Cmd: image.command, Env: ['PATH=/bin'] },
			rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
			history: [],
		});
		const configFile = `${sha256(config)}.json`;
		await writeFile(join(dir, configFile), config);
		const manifest = [{ Config: configFile, RepoTags: [image.reference], Layers: ['layer.tar'] }];
		await writeFile(join(dir, 'manifest.json'), JSON.stringify(manifest));
		await tar(file, dir, 'manifest.json', configFile, 'layer.tar');
	} finally {
		await remove();
	}
}

function sha256(data: Buffer | string): string {
	return createHash('sha256').update(data).digest('hex');
}

async function tar(file: string, dir: string, ...names: readonly string[]): Promise<void> {
	const same = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0'];
	const args = [...same, '-cf', file, '-C', dir, ...names];
	const { code, stderr } = await runProcess({ command: 'tar', args });
	if (code !== 0) throw new Error(`tar failed: ${stderr}`);
}
