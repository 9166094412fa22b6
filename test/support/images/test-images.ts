import { cp, mkdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { err, ok, type Result } from '../../../contract/result.ts';
import { type DebianPackage, ensurePackages } from '../debian.ts';
import { onPath } from '../process.ts';
import { type ImageConfig, packImage } from './archive.ts';
import { staticBusybox } from './busybox.ts';
import { checkPrograms, sharedLibraries } from './libraries.ts';
import type { Architecture } from './platform.ts';
import { mustRun } from './run.ts';

interface Recipe {
	readonly packages: readonly DebianPackage[];
	/** Programs by their place in the image. */
	readonly programs: Readonly<Record<string, string>>;
	/** Files of this repository by their place in the image. */
	readonly own?: ImageFiles;
	readonly config: ImageConfig;
}

/** The files of this machine that go into an image. */
export type ImageFiles = Readonly<Record<string, string>>;

const ENTRYPOINT = '/usr/local/bin/entrypoint.sh';

/**
 * An application whose image sources its secrets itself, as docs/for-application-teams.md shows. It prints
 * three of them and its user.
 */
const APPLICATION = {
	own: { [ENTRYPOINT.slice(1)]: join(import.meta.dirname, '../../../examples/entrypoint.sh') },
	config: {
		Entrypoint: [ENTRYPOINT],
		Cmd: ['sh', '-c', 'printf "%s|" "${REGION:-}" "${LEVEL:-}" "${GREETING:-}"; id -u'],
		User: '1000:1000',
		Env: ['PATH=/bin'],
	},
} as const;

/** What each image holds. Where there is busybox, its applets fill what is free in `/bin`. */
const RECIPES = {
	'app-busybox': {
		...APPLICATION,
		packages: ['busybox-static'],
		programs: { 'bin/busybox': 'busybox' },
	},
	'app-dash': {
		...APPLICATION,
		packages: ['busybox-static', 'dash'],
		programs: { 'bin/sh': 'dash', 'bin/busybox': 'busybox' },
	},
} as const satisfies Record<string, Recipe>;

/** An image for pods of tests. */
export type TestImage = keyof typeof RECIPES;

/**
 * Finds or installs the files of an image. Returns each file by its path. The error names the missing
 * packages.
 */
export async function testImageFiles(
	name: TestImage,
	say: (line: string) => void,
): Promise<Result<ImageFiles>> {
	const { packages, programs, own = {} }: Recipe = RECIPES[name];
	const missing = await ensurePackages(packages, say);
	if (missing.length > 0) return err(`the test image ${name} needs these packages: ${missing.join(' ')}`);
	const files: Record<string, string> = { ...own };
	for (const [place, program] of Object.entries(programs)) {
		const file = program === 'busybox' ? await staticBusybox() : onPath(program);
		if (file === undefined) return err(`${program} is not on PATH; the test image ${name} needs it`);
		files[place] = file;
		for (const library of await sharedLibraries(file)) files[library.slice(1)] = library;
	}
	return ok(files);
}

/** Packs an image for pods of tests. */
export async function packTestImage(
	image: { readonly name: TestImage; readonly ref: string; readonly arch: Architecture },
	files: ImageFiles,
	to: string,
	work: string,
): Promise<void> {
	const { name, ref, arch } = image;
	const rootfs = join(work, 'rootfs');
	for (const [place, file] of Object.entries(files)) {
		await mkdir(dirname(join(rootfs, place)), { recursive: true });
		await cp(file, join(rootfs, place), { dereference: true });
	}
	await checkPrograms(ref, rootfs, Object.keys(RECIPES[name].programs));
	if (files['bin/busybox'] !== undefined) await linkApplets(files['bin/busybox'], join(rootfs, 'bin'), files);
	await packImage({ ref, arch, rootfs, config: RECIPES[name].config }, work, to);
	await rm(work, { recursive: true });
}

async function linkApplets(busybox: string, bin: string, taken: ImageFiles): Promise<void> {
	const { stdout } = await mustRun({ command: busybox, args: ['--list'] });
	const names = stdout.trim().split('\n');
	for (const name of names) {
		if (taken[`bin/${name}`] === undefined) await symlink('busybox', join(bin, name));
	}
}
