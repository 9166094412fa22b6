import { createHash } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ownCaFile } from '../../../build/npm.ts';
import { err, ok, type Result } from '../../../contract/result.ts';
import { cacheDir } from '../cache.ts';
import { ensurePackages } from '../debian.ts';
import { onPath, runProcess } from '../process.ts';
import type { Architecture } from './platform.ts';
import { mustRun } from './run.ts';
import { foreignNode, standInBase } from './standin.ts';

/** One image to build from a Dockerfile of this repository. */
export interface Build {
	/** The repository. */
	readonly context: string;
	readonly dockerfile: string;
	readonly ref: string;
	/** Values of the Dockerfiles' ARGs that end up in labels. */
	readonly labels: Readonly<Record<'VERSION' | 'REVISION' | 'SOURCE', string>>;
	readonly own: Architecture;
	readonly target: Architecture;
}

/**
 * Builds into the file `to` (as `docker save` writes it). `work` is a folder for parts, which may be removed
 * afterwards.
 */
export type Builder = (build: Build, to: string, work: string) => Promise<void>;

/** The base that the Dockerfiles name. */
const BASE = 'docker.io/library/node:26-bookworm-slim';

const MINUTES = 60_000;

/**
 * buildah copies its program into memory before each step. Sometimes the kernel still holds the copy open
 * (fcntl(2), F_ADD_SEALS: EBUSY).
 */
const BUSY_MEMFD = /sealing memfd copy: Device or resource busy/;

/**
 * Finds the image builder of this machine: docker or podman with a running engine, which pull the base image,
 * else buildah with a stand-in for the base. ENVTIER_TEST_BUILDER (docker, podman or buildah) selects
 * another. The error says what is missing.
 */
export async function findBuilder(say: (line: string) => void): Promise<Result<Builder>> {
	const { ENVTIER_TEST_BUILDER: chosen } = process.env;
	for (const engine of ['docker', 'podman']) {
		const wanted = !chosen || chosen === engine;
		if (wanted && (await runs(engine))) return ok((build, to) => buildWithEngine(engine, build, to));
	}
	if (chosen && chosen !== 'buildah')
		return err(`ENVTIER_TEST_BUILDER is ${chosen}, which does not run here`);
	const missing = await ensurePackages(['buildah'], say);
	if (missing.length > 0)
		return err(`images need a running docker or podman, or these packages: ${missing.join(' ')}`);
	if (process.getuid?.() !== 0)
		return err('images need a running docker or podman; building them with buildah alone needs root');
	return ok(buildWithBuildah);
}

async function runs(engine: string): Promise<boolean> {
	if (onPath(engine) === undefined) return false;
	const info = await runProcess({ command: engine, args: ['info'], env: process.env, timeoutMs: 20_000 });
	// podman needs no engine on Linux: it answers without one.
	return info.code === 0;
}

async function buildWithEngine(engine: string, build: Build, to: string): Promise<void> {
	const { context, dockerfile, ref, labels, target } = build;
	const ca = await ownCaFile();
	const args = [
		...Object.entries(labels).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
		...(ca === undefined ? [] : ['--secret', `id=ca,src=${ca}`]),
	];
	await mustRun({
		command: engine,
		args: ['build', '--platform', `linux/${target}`, ...args, '--file', dockerfile, '--tag', ref, context],
		env: { ...process.env, DOCKER_BUILDKIT: '1' },
		timeoutMs: 30 * MINUTES,
	});
	await mustRun({
		command: engine,
		args: ['save', '--output', to, ref],
		env: process.env,
		timeoutMs: 5 * MINUTES,
	});
}

/**
 * buildah's storage is kept below the cache for the next build. One build runs at a time, in its own
 * namespaces: at its end no process and no mount is left, whatever the cause.
 */
async function buildWithBuildah(build: Build, to: string, work: string): Promise<void> {
	const base = await standInBase(BASE, build.own);
	const node = build.target === build.own ? base : await foreignNode(build.target);
	const storages = join(cacheDir(), 'buildah');
	const packages = await readFile(join(build.context, 'package-lock.json'));
	const storage = createHash('sha256').update(packages).update(base.key).digest('hex').slice(0, 12);
	await mkdir(storages, { recursive: true });
	await mkdir(join(work, 'tmp'), { recursive: true });
	const building = {
		name: `buildah build --file ${basename(build.dockerfile)}`,
		command: 'flock',
		args: [
			...['--no-fork', join(cacheDir(), '.buildah.lock')],
			...['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation=private'],
			...['sh', join(import.meta.dirname, 'build.sh')],
		],
		env: {
			...process.env,
			TMPDIR: join(work, 'tmp'),
			STORAGE: join(storages, storage),
			WORK: work,
			BASE_TAR: base.tar,
			BASE_REF: base.ref,
			NODE_TAR: node.tar,
			NODE_REF: node.ref,
			BUILD_PLATFORM: `linux/${build.own}`,
			TARGET_PLATFORM: `linux/${build.target}`,
			DOCKERFILE: build.dockerfile,
			CONTEXT: build.context,
			REF: build.ref,
			...build.labels,
			TAR: to,
			CA_FILE: (await ownCaFile()) ?? '',
		},
		timeoutMs: 30 * MINUTES,
	};
	await mustRun(building).catch((thrown: unknown) => {
		if (!BUSY_MEMFD.test(String(thrown))) throw thrown;
		// What was built so far is kept in layers.
		return mustRun(building);
	});
	await rm(work, { recursive: true, force: true });
}
