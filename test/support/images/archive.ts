import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { mustRun } from './run.ts';

/** The part of an image's configuration that tests set (image-spec, config.json `config`). */
export interface ImageConfig {
	readonly Entrypoint?: readonly string[];
	readonly Cmd?: readonly string[];
	readonly User?: string;
	readonly Env?: readonly string[];
}

/** What goes into an image of one layer. */
export interface ImageContent {
	readonly ref: string;
	/** GOARCH name. */
	readonly arch: string;
	readonly rootfs: string;
	readonly config: ImageConfig;
}

/**
 * Packs a folder into an image of one layer, in the format of `docker save`, which docker, podman, buildah
 * and `ctr images import` read. Needs no other program. The same content gives the same image.
 *
 * @param dir folder for the parts; they may be removed afterwards
 */
export async function packImage(content: ImageContent, dir: string, to: string): Promise<void> {
	const packed = join(dir, 'layer.tar');
	await tar(packed, content.rootfs, ['.']);
	const digest = await sha256(packed);
	const layer = `${digest}.tar`;
	await rename(packed, join(dir, layer));
	const config = JSON.stringify({
		architecture: content.arch,
		os: 'linux',
		config: content.config,
		rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
		history: [{ created_by: 'envtier test support' }],
	});
	const configFile = `${createHash('sha256').update(config).digest('hex')}.json`;
	const manifest = [{ Config: configFile, RepoTags: [content.ref], Layers: [layer] }];
	await writeFile(join(dir, configFile), config);
	await writeFile(join(dir, 'manifest.json'), JSON.stringify(manifest));
	await tar(to, dir, ['manifest.json', configFile, layer]);
}

/** An image whose parts lie in a folder. */
export interface OpenedImage {
	readonly manifest: ImageManifest;
	/** Paths of the layers' tar files, the lowest first. */
	readonly layers: readonly string[];
}

/** The `config.json` of an image (image-spec), as far as tests look at it. */
export interface ImageManifest {
	readonly architecture: string;
	readonly os: string;
	readonly config: {
		readonly User?: string;
		readonly Env?: readonly string[];
		readonly Entrypoint?: readonly string[];
		readonly Cmd?: readonly string[];
		readonly Labels?: Readonly<Record<string, string>>;
		readonly ExposedPorts?: Readonly<Record<string, unknown>>;
	};
	readonly rootfs: { readonly diff_ids: readonly string[] };
}

/** Unpacks what `docker save` writes: the configuration, and the files of the layers, in order. */
export async function openImage(archive: string, dir: string): Promise<OpenedImage> {
	await mustRun({ command: 'tar', args: ['--extract', `--file=${archive}`, `--directory=${dir}`] });
	const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(dir, name), 'utf8'));
	const [manifest] = (await read('manifest.json')) as { Config: string; Layers: string[] }[];
	if (manifest === undefined) throw new Error(`${archive} holds no image`);
	return {
		manifest: (await read(manifest.Config)) as ImageManifest,
		layers: manifest.Layers.map((name) => join(dir, name)),
	};
}

async function tar(to: string, from: string, names: readonly string[]): Promise<void> {
	const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
	await mustRun({
		command: 'tar',
		args: ['--create', `--file=${to}`, ...same, `--directory=${from}`, ...names],
		timeoutMs: 300_000,
	});
}

async function sha256(file: string): Promise<string> {
	const hash = createHash('sha256');
	await pipeline(createReadStream(file), hash);
	return hash.digest('hex');
}
