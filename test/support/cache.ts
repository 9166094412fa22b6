import { access, mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { lock } from './lock.ts';

/**
 * The cache of real parts (OpenBao, programs of Kubernetes, …) between runs. It can be deleted; that only
 * costs time.
 */
export function cacheDir(): string {
	const { ENVTIER_TEST_CACHE, XDG_CACHE_HOME } = process.env;
	return ENVTIER_TEST_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'envtier');
}

/** One thing to keep. */
export interface Part {
	readonly name: string;
	/** Everything that makes one build of it differ from another: version, platform, patches. */
	readonly version: string;
	/**
	 * Fills the empty directory `dir`. The directory is moved afterwards, so files must not contain its path.
	 */
	readonly install: (dir: string, say: (line: string) => void) => Promise<void>;
	/** Gets lines of progress; standard error unless given. */
	readonly say?: (line: string) => void;
}

/**
 * The directory of a part; installs it on the first call. Of several runs at the same time one installs and
 * the others wait. The directory appears complete or not at all.
 */
export async function cached(part: Part): Promise<string> {
	const { name, version, install } = part;
	const say = part.say ?? ((line) => void process.stderr.write(`[${name} ${version}] ${line}\n`));
	const root = cacheDir();
	const done = join(root, `${name}-${version}`);
	if (await exists(done)) return done;
	await mkdir(root, { recursive: true });
	const release = await lock(join(root, `.${name}-${version}.lock`), () =>
		say('waiting for another run that is installing it'),
	);
	try {
		if (await exists(done)) return done;
		say(`installing into ${done}, once`);
		const start = performance.now();
		const prefix = `.${name}-${version}.half-`;
		await sweep(root, prefix);
		const half = await mkdtemp(join(root, prefix));
		try {
			await install(half, say);
			await rename(half, done);
		} catch (thrown) {
			await rm(half, { recursive: true, force: true });
			throw thrown;
		}
		say(`installed in ${Math.round((performance.now() - start) / 1000)} s`);
		return done;
	} finally {
		release();
	}
}

const DAY_MS = 24 * 3600 * 1000;

/**
 * The same for parts with many versions, such as builds of this repository. Removes versions that were not
 * used for a day.
 */
export async function cachedForDays(part: Part): Promise<string> {
	const dir = await cached(part);
	const now = new Date();
	await utimes(dir, now, now);
	for (const entry of await readdir(cacheDir())) {
		if (!entry.startsWith(`${part.name}-`)) continue;
		const path = join(cacheDir(), entry);
		// Another run may remove it in the same moment.
		const used = await stat(path).then(
			({ mtimeMs }) => mtimeMs,
			() => now.getTime(),
		);
		if (used < now.getTime() - DAY_MS) await rm(path, { recursive: true, force: true });
	}
	return dir;
}

/** Removes what a run left that was killed while it installed; only the holder of the lock may do so. */
async function sweep(root: string, prefix: string): Promise<void> {
	for (const entry of await readdir(root)) {
		if (entry.startsWith(prefix)) await rm(join(root, entry), { recursive: true, force: true });
	}
}

function exists(path: string): Promise<boolean> {
	return access(path).then(
		() => true,
		() => false,
	);
}
