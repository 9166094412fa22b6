import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, realpath, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cached } from '../cache.ts';
import { onPath } from '../process.ts';
import { packImage } from './archive.ts';
import type { Architecture } from './platform.ts';
import { mustRun } from './run.ts';

/** An image in the format of `docker save`. */
export interface Archive {
	readonly tar: string;
	readonly ref: string;
	/** Differs whenever the content may. */
	readonly key: string;
}

const SUITE = 'bookworm';

/**
 * A stand-in for the base image, made without a registry: Debian of the same release, the running Node and npm, at the places
 * where the official image has them. It bears the base's name, so that the Dockerfiles are built as they are.
 */
export async function standInBase(ref: string, arch: Architecture): Promise<Archive> {
	const key = `${SUITE}-node-${process.version}-${arch}-${await recipe('standin.ts', ref)}`;
	const dir = await cached({
		name: 'base-image',
		version: key,
		install: async (into, say) => {
			const work = join(into, 'work');
			const rootfs = join(work, 'rootfs');
			await mkdir(rootfs, { recursive: true });
			say(`debootstrap of ${SUITE}, about a minute`);
			await debootstrap(rootfs);
			await addNode(join(rootfs, 'usr/local'));
			const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
			const content = { ref, arch, rootfs, config: { Cmd: ['node'], Env: [path] } };
			await packImage(content, work, join(into, 'image.tar'));
			await rm(work, { recursive: true });
		},
	});
	return { tar: join(dir, 'image.tar'), ref, key };
}

/** Node and its libraries for another architecture, as an image that the Dockerfiles can take them from. */
export async function foreignNode(arch: Architecture): Promise<Archive> {
	const script = 'foreign-node.sh';
	const key = `${SUITE}-node-${process.version}-${await recipe(script, arch)}`;
	const ref = `localhost/node-${arch}:${process.version}`;
	const dir = await cached({
		name: `foreign-node-${arch}`,
		version: key,
		install: async (into) => {
			const work = join(into, 'work');
			const rootfs = join(work, 'rootfs');
			await mkdir(rootfs, { recursive: true });
			const env = {
				ARCH: arch,
				NODE_ARCH: arch === 'amd64' ? 'x64' : arch,
				NODE_VERSION: process.versions.node,
				SUITE,
				ROOTFS: rootfs,
				WORK: work,
			};
			await mustRun({
				command: 'sh',
				args: [join(import.meta.dirname, script)],
				env: { ...process.env, ...env },
				timeoutMs: 600_000,
			});
			await packImage({ ref, arch, rootfs, config: {} }, work, join(into, 'image.tar'));
			await rm(work, { recursive: true });
		},
	});
	return { tar: join(dir, 'image.tar'), ref, key };
}

/** A changed recipe makes another image. */
async function recipe(file: string, ...parts: readonly string[]): Promise<string> {
	const hash = createHash('sha256');
	for (const name of [file, 'archive.ts']) hash.update(await readFile(join(import.meta.dirname, name)));
	for (const part of parts) hash.update(`\0${part}`);
	return hash.digest('hex').slice(0, 8);
}

async function debootstrap(rootfs: string): Promise<void> {
	const include = '--include=libatomic1,libstdc++6';
	await mustRun({
		name: 'debootstrap',
		// In namespaces of its own, so that nothing stays mounted or runs on, also when it is killed.
		command: 'unshare',
		args: [
			...['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation=private'],
			...['debootstrap', '--variant=minbase', include, SUITE, rootfs],
		],
		env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
		timeoutMs: 900_000,
	});
	for (const ballast of ['var/cache/apt', 'var/lib/apt/lists', 'var/log']) {
		await rm(join(rootfs, ballast), { recursive: true, force: true });
	}
}

async function addNode(prefix: string): Promise<void> {
	await cp(process.execPath, join(prefix, 'bin/node'));
	const npm = onPath('npm');
	if (npm === undefined) throw new Error('npm is not on PATH; the stand-in base image gets a copy of it');
	// …/npm/bin/npm-cli.js
	const folder = dirname(dirname(await realpath(npm)));
	await cp(folder, join(prefix, 'lib/node_modules/npm'), { recursive: true });
	await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(prefix, 'bin/npm'));
}
