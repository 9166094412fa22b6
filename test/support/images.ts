import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, type Result } from '../../contract/result.ts';
import { findBuilder } from './images/build.ts';
import { copyContext } from './images/context.ts';
import { type BuiltImage, keepImage } from './images/keep.ts';
import { type Architecture, ownArchitecture } from './images/platform.ts';
import { packTestImage, type TestImage, testImageFiles } from './images/test-images.ts';

/** What has a Dockerfile. */
export const IMAGE_PROGRAMS = ['webhook', 'fetcher', 'api', 'controller'] as const;

/** One of them. */
export type ImageProgram = (typeof IMAGE_PROGRAMS)[number];

const ROOT = join(import.meta.dirname, '../..');
const NOT_HERE = 'images are made on Linux, on amd64 or arm64';

/**
 * Builds an image from the shipped Dockerfile, with the version tag of the manifests. Images of the same
 * sources are cached. The error says what this machine lacks for building; a failed build throws.
 *
 * @param arch default: this machine's; images of another architecture are not run
 */
export async function buildImage(program: ImageProgram, arch?: Architecture): Promise<Result<BuiltImage>> {
	const own = ownArchitecture();
	if (own === undefined) return err(NOT_HERE);
	const target = arch ?? own;
	const file = `Dockerfile.${program}`;
	const others = [
		// The controller reads the fetcher's settings from pods.
		...IMAGE_PROGRAMS.filter((name) => name !== program && !(program === 'controller' && name === 'fetcher')),
		...(program === 'fetcher' ? ['pki'] : []),
	];
	const context = await copyContext(ROOT, file, others);
	try {
		const { version } = JSON.parse(await readFile(join(context.dir, 'package.json'), 'utf8')) as Package;
		const ref = `docker.io/library/envtier-${program}:${version}`;
		const key = `${context.key} ${process.version}`;
		return await keepImage({ name: `${program}-${target}`, ref, key }, async (to, work, say) => {
			const builder = await findBuilder(say);
			if (!builder.ok) return builder;
			const labels = { VERSION: version, REVISION: 'test', SOURCE: 'https://git.example/envtier' };
			const dockerfile = join(context.dir, file);
			await builder.value({ context: context.dir, dockerfile, ref, labels, own, target }, to, work);
			return ok(undefined);
		});
	} finally {
		await context.remove();
	}
}

interface Package {
	readonly version: string;
}

/**
 * Returns an image for test pods: an application whose entry point sources its secrets, with dash or with
 * busybox, and all applets of busybox. Its name is `localhost/<name>:test`.
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
	return keepImage({ name, ref, key: hash.digest('hex') }, async (to, work) => {
		await packTestImage({ name, ref, arch }, files.value, to, work);
		return ok(undefined);
	});
}
