import { mkdir, mkdtemp, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyPair } from '../../support/tls.ts';

/**
 * A pair of files as the kubelet mounts a Secret: links through `..data`, which one rename points to another
 * folder.
 */
export interface KubeletVolume extends AsyncDisposable {
	readonly certificateFile: string;
	readonly keyFile: string;
	/** Puts another pair in the place of the present one, both files at once. */
	swap(pair: KeyPair): Promise<void>;
}

/** Makes such a volume. */
export async function kubeletVolume(pair: KeyPair): Promise<KubeletVolume> {
	const dir = await mkdtemp(join(tmpdir(), 'envtier-secret-'));
	const data = join(dir, '..data');
	let version = 0;
	const swap = async ({ certPem, keyPem }: KeyPair): Promise<void> => {
		version += 1;
		const folder = `..v${version}`;
		await mkdir(join(dir, folder));
		await writeFile(join(dir, folder, 'tls.crt'), certPem);
		await writeFile(join(dir, folder, 'tls.key'), keyPem);
		await symlink(folder, `${data}_tmp`);
		const old = await readlink(data).catch(() => undefined);
		await rename(`${data}_tmp`, data);
		if (old !== undefined) await rm(join(dir, old), { recursive: true });
	};
	await swap(pair);
	for (const name of ['tls.crt', 'tls.key']) await symlink(join('..data', name), join(dir, name));
	return {
		certificateFile: join(dir, 'tls.crt'),
		keyFile: join(dir, 'tls.key'),
		swap,
		[Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
	};
}
