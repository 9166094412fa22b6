import { createHash, type Hash } from 'node:crypto';
import { readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { err, ok, type Result } from '../../contract/result.ts';
import { cached } from './cache.ts';
import { findBuilder } from './images/build.ts';
import { type Architecture, ownArchitecture } from './images/platform.ts';
import { packTestImage, type TestImage, testImageFiles } from './images/test-images.ts';

/** An image in a file. */
export interface BuiltImage {
	/** In the format of `docker save`: for `ctr images import`, `docker load`, `podman load`. Shared between runs: only read it. */
	readonly tar: string;
	/** Its whole name, as containerd keeps it: `docker.io/library/envtier-webhook:0.1.0`. */
	readonly ref: string;
	/** Its layers, not compressed. */
	readonly sizeBytes: number;
}

/** What has a Dockerfile. */
export type ImageProgram = 'webhook' | 'fetcher';

const ROOT = join(import.meta.dirname, '../..');
const NOT_HERE = 'images are made on Linux, on amd64 or arm64';
const DAY_MS = 24 * 3600 * 1000;

/**
 * Builds an image from the Dockerfile that ships, tagged with the version that the manifests name. What was built of the same
 * sources is kept. The error says what this machine lacks for building; a build that fails throws.
 *
 * @param arch this machine's own unless given; nothing of another architecture is run
 */
export async function buildImage(program: ImageProgram, arch?: Architecture): Promise<Result<BuiltImage>> {
	const own = ownArchitecture();
	if (own === undefined) return err(NOT_HERE);
	const target = arch ?? own;
	const dockerfile = `Dockerfile.${program}`;
	const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
	const ref = `docker.io/library/envtier-${program}:${version}`;
	const hash = createHash('sha256').update(process.version);
	for (const name of [...CONTEXT, program, dockerfile]) await hashInto(hash, name);
	return kept(`image-${program}-${target}`, await digest(hash), ref, async (dir, say) => {
		const builder = await findBuilder(say);
		if (!builder.ok) return builder;
		const build = { context: ROOT, dockerfile: join(ROOT, dockerfile), ref, version, own, target };
		await builder.value(build, join(dir, 'image.tar'), join(dir, 'work'));
		return ok(undefined);
	});
}

/**
 * Gives an image for pods of tests: `pause` holds catatonit, `busybox` a static busybox with all its applets, `dash` the same with
 * dash as `/bin/sh`. Its name is `localhost/<name>:test`.
 */
export async function testImage(name: TestImage): Promise<Result<BuiltImage>> {
	const arch = ownArchitecture();
	if (arch === undefined) return err(NOT_HERE);
	const files = await testImageFiles(name, (line) => void process.stderr.write(`[image ${name}] ${line}\n`));
	if (!files.ok) return files;
	const hash = createHash('sha256');
	for (const [place, file] of Object.entries(files.value))
		hash.update(`\0${place}\0`).update(await readFile(file));
	const ref = `localhost/${name}:test`;
	return kept(`image-${name}`, await digest(hash), ref, async (dir) => {
		await packTestImage({ name, ref, arch }, files.value, join(dir, 'image.tar'), join(dir, 'work'));
		return ok(undefined);
	});
}

/** What both Dockerfiles copy, besides the program's own folder. */
const CONTEXT = [
	'.dockerignore',
	'.npmrc',
	'LICENSE',
	'build.ts',
	'contract',
	'package-lock.json',
	'package.json',
];

/** Ends the hash of an image's content with how it is made, which matters as much. */
async function digest(hash: Hash): Promise<string> {
	await hashInto(hash, 'test/support/images');
	return hash.digest('hex').slice(0, 12);
}

async function hashInto(hash: Hash, name: string): Promise<void> {
	const path = join(ROOT, name);
	if (!(await stat(path)).isDirectory()) {
		hash.update(`\0${name}\0`).update(await readFile(path));
		return;
	}
	for (const entry of (await readdir(path)).sort()) await hashInto(hash, join(name, entry));
}

type Make = (dir: string, say: (line: string) => void) => Promise<Result<undefined>>;

/** The cached part with an `image.tar`; made on the first call. Those of older sources go after a day without use. */
async function kept(name: string, key: string, ref: string, make: Make): Promise<Result<BuiltImage>> {
	let lacking: string | undefined;
	const install = async (dir: string, say: (line: string) => void): Promise<void> => {
		const made = await make(dir, say);
		if (made.ok) return;
		lacking = made.error;
		throw new Error(made.error);
	};
	const dir = await cached({ name, version: key, install }).catch((thrown: unknown) => {
		if (lacking === undefined) throw thrown;
		return undefined;
	});
	if (dir === undefined) return err(lacking ?? '');
	const now = new Date();
	await utimes(dir, now, now);
	await forgetUnused(dirname(dir), `${name}-`);
	const tar = join(dir, 'image.tar');
	return ok({ tar, ref, sizeBytes: (await stat(tar)).size });
}

async function forgetUnused(root: string, prefix: string): Promise<void> {
	for (const entry of await readdir(root)) {
		if (!entry.startsWith(prefix)) continue;
		const path = join(root, entry);
		const used = (await stat(path)).mtimeMs;
		if (used < Date.now() - DAY_MS) await rm(path, { recursive: true, force: true });
	}
}
