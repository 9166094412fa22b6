import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, type Result } from '../../../contract/result.ts';
import { cachedForDays } from '../cache.ts';
import { hashInto } from './context.ts';

/** An image in a file. */
export interface BuiltImage {
	/**
	 * In the format of `docker save`: for `ctr images import`, `docker load`, `podman load`. Shared between
	 * runs: read only.
	 */
	readonly tar: string;
	/** Its whole name, as containerd keeps it: `docker.io/library/envtier-webhook:0.1.0`. */
	readonly ref: string;
	/** Of that file: the image’s layers, which buildah leaves unpacked. */
	readonly sizeBytes: number;
}

/** Which image it is. */
export interface UserIds {
	readonly name: string;
	readonly ref: string;
	/** Differs whenever the content may. How it is made need not be part of it. */
	readonly key: string;
}

/** Makes the image in the file `to`; `work` is a path for a folder of parts, to be removed afterwards. */
export type Make = (to: string, work: string, say: (line: string) => void) => Promise<Result<undefined>>;

/**
 * Returns the image from the cache; builds it on the first call. Images with other keys are removed after a
 * day without use.
 */
export async function keepImage({ name, ref, key }: UserIds, make: Make): Promise<Result<BuiltImage>> {
	const hash = createHash('sha256').update(key);
	await hashInto(hash, import.meta.dirname);
	let lacking: string | undefined;
	const install = async (dir: string, say: (line: string) => void): Promise<void> => {
		const made = await make(join(dir, 'image.tar'), join(dir, 'work'), say);
		if (made.ok) return;
		lacking = made.error;
		throw new Error(made.error);
	};
	const part = { name: `image-${name}`, version: hash.digest('hex').slice(0, 12), install };
	const dir = await cachedForDays(part).catch((thrown: unknown) => {
		if (lacking === undefined) throw thrown;
		return undefined;
	});
	if (dir === undefined) return err(lacking ?? '');
	const tar = join(dir, 'image.tar');
	return ok({ tar, ref, sizeBytes: (await stat(tar)).size });
}
