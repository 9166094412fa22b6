import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, realpath, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { npmPack } from '../../../build/npm.ts';
import { cached } from '../cache.ts';
import { onPath } from '../process.ts';
import { packImage } from './archive.ts';
import { SUITE, unpackPackages } from './debian-root.ts';
import type { Architecture } from './platform.ts';
import { mustRun } from './run.ts';

/** An image in the format of `docker save`. */
export interface Archive {
	readonly tar: string;
	readonly ref: string;
	/** Differs whenever the content may. */
	readonly key: string;
}

const LIBRARIES = ['base-files', 'libatomic1', 'libc6', 'libgcc-s1', 'libstdc++6'];
/** What the commands of the Dockerfiles need. */
const TOOLS = ['coreutils', 'dash', 'dpkg', 'findutils'];

/**
 * A stand-in for the base image, made without a registry: packages of the same Debian, and the running Node
 * and npm, at the paths of the official image. It has the base's name, so the Dockerfiles are built
 * unchanged.
 */
export function standInBase(ref: string, arch: Architecture): Promise<Archive> {
	return standIn({ name: 'base-image', ref, arch, packages: [...LIBRARIES, ...TOOLS] }, async (prefix) => {
		await mkdir(join(prefix, 'lib/node_modules'), { recursive: true });
		await cp(process.execPath, join(prefix, 'bin/node'));
		const npm = onPath('npm');
		if (npm === undefined) throw new Error('npm is not on PATH; the stand-in base image gets a copy of it');
		// …/npm/bin/npm-cli.js
		const folder = dirname(dirname(await realpath(npm)));
		await cp(folder, join(prefix, 'lib/node_modules/npm'), { recursive: true });
		await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(prefix, 'bin/npm'));
	});
}

/** Node and its libraries for another architecture, as an image that the Dockerfiles can take them from. */
export function foreignNode(arch: Architecture): Promise<Archive> {
	const ref = `localhost/node-${arch}:${process.version}`;
	const part = { name: `foreign-node-${arch}`, ref, arch, packages: LIBRARIES };
	return standIn(part, async (prefix, work) => {
		const packed = `node-linux-${arch === 'amd64' ? 'x64' : arch}`;
		const file = await npmPack(`${packed}@${process.versions.node}`, work);
		const args = ['--extract', '--gzip', '--strip-components=1', `--file=${file}`, `--directory=${prefix}`];
		await mustRun({ command: 'tar', args: [...args, 'package/bin/node'] });
	});
}

interface Part {
	readonly name: string;
	readonly ref: string;
	readonly arch: Architecture;
	readonly packages: readonly string[];
}

type AddNode = (prefix: string, work: string) => Promise<void>;

async function standIn({ name, ref, arch, packages }: Part, addNode: AddNode): Promise<Archive> {
	// A changed recipe makes another image.
	const recipe = createHash('sha256').update(ref);
	for (const file of ['standin.ts', 'debian-root.ts', 'debian-root.sh', 'archive.ts'])
		recipe.update(await readFile(join(import.meta.dirname, file)));
	const key = `${SUITE}-node-${process.version}-${arch}-${recipe.digest('hex').slice(0, 8)}`;
	const install = async (into: string): Promise<void> => {
		const work = join(into, 'work');
		const rootfs = join(work, 'rootfs');
		await mkdir(join(rootfs, 'usr/local/bin'), { recursive: true });
		await unpackPackages({ packages, arch, rootfs, work });
		await addNode(join(rootfs, 'usr/local'), work);
		const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
		await packImage({ ref, arch, rootfs, config: { Env: [path] } }, work, join(into, 'image.tar'));
		await rm(work, { recursive: true });
	};
	const dir = await cached({ name, version: key, install });
	return { tar: join(dir, 'image.tar'), ref, key };
}
