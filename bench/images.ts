/** Prints the sizes of the images: on the node's disk, as a download, and of the program in it. */
import { createReadStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { openImage } from '../test/support/images/archive.ts';
import { ARCHITECTURES } from '../test/support/images/platform.ts';
import { buildImage, IMAGE_PROGRAMS } from '../test/support/images.ts';
import { scratch } from '../test/support/scratch.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1).padStart(8);

/** Bytes of a layer on a node and in a registry. Some builders compress layers. */
async function sizes(file: string): Promise<{ readonly plain: number; readonly packed: number }> {
	let plain = 0;
	let packed = 0;
	const count = async function* (chunks: AsyncIterable<Buffer>) {
		for await (const chunk of chunks) {
			plain += chunk.length;
			yield chunk;
		}
	};
	const isPacked = (await readFile(file)).subarray(0, 2).toString('hex') === '1f8b';
	const unpack = isPacked ? createGunzip() : new PassThrough();
	await pipeline(createReadStream(file), unpack, count, createGzip(), async (chunks) => {
		for await (const chunk of chunks) packed += (chunk as Buffer).length;
	});
	return { plain, packed };
}

say('image              layer     on disk  download   (MiB; the layer of Node is the same in all images)');
for (const program of IMAGE_PROGRAMS) {
	for (const arch of ARCHITECTURES) {
		const image = await buildImage(program, arch);
		if (!image.ok) {
			say(`${program} ${arch}: not built: ${image.error}`);
			continue;
		}
		const place = await scratch('sizes');
		await mkdir(join(place.dir, 'image'));
		const { layers } = await openImage(image.value.tar, join(place.dir, 'image'));
		for (const [i, layer] of layers.entries()) {
			const { plain, packed } = await sizes(layer);
			const part = i === 0 ? 'Node' : 'bundle';
			say(`${`${program} ${arch}`.padEnd(19)}${part.padEnd(8)}${mib(plain)}  ${mib(packed)}`);
		}
		await place.remove();
	}
}
