import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, test } from 'vitest';
import { ensurePackages } from '../support/debian.ts';
import { type OpenedImage, openImage } from '../support/images/archive.ts';
import type { BuiltImage } from '../support/images/keep.ts';
import type { Architecture } from '../support/images/platform.ts';
import { mustRun } from '../support/images/run.ts';
import { buildImage, type ImageProgram } from '../support/images.ts';
import { makeCgroup } from '../support/kubernetes/node/cgroups.ts';
import { type Exit, type Finished, type RunningProcess, startProcess } from '../support/process.ts';
import { scratch } from '../support/scratch.ts';

/** The images that tests look at: each for this machine, and the fetcher for another architecture. */
export type Built = Readonly<Record<ImageProgram | 'foreign', BuiltImage>>;

/** A `describe` for tests of images; skipped with the reason in its name where they can't be built or run. */
export async function describeWithImages(
	name: string,
	foreign: Architecture,
	body: (built: Built) => void,
): Promise<void> {
	const webhook = await buildImage('webhook');
	const fetcher = await buildImage('fetcher');
	const api = await buildImage('api');
	const controller = await buildImage('controller');
	const other = await buildImage('fetcher', foreign);
	const missing = await ensurePackages(['runc'], (line) => void process.stderr.write(`${line}\n`));
	if (webhook.ok && fetcher.ok && api.ok && controller.ok && other.ok && missing.length === 0) {
		const own = {
			...{ webhook: webhook.value, fetcher: fetcher.value },
			...{ api: api.value, controller: controller.value },
		};
		const built = { ...own, foreign: other.value };
		describe(name, () => body(built));
		return;
	}
	const failed = [webhook, fetcher, api, controller, other].find((image) => !image.ok);
	const reason = failed?.ok === false ? failed.error : `these packages are missing: ${missing.join(' ')}`;
	describe.skip(name, () => test(`needs images, and runc to run them: ${reason}`));
}

/** One entry of a layer. */
export interface Entry {
	/** Without a slash at either end. */
	readonly path: string;
	/** As `ls` writes it: `-rw-r--r--`. */
	readonly mode: string;
	readonly owner: string;
}

/** An image whose parts lie in a folder, with all layers in `rootfs`. */
export interface Unpacked extends OpenedImage {
	readonly dir: string;
	readonly rootfs: string;
	readonly entries: readonly Entry[];
}

/** Unpacks an image into a new folder. */
export async function unpack(image: BuiltImage, place: string): Promise<Unpacked> {
	const dir = join(place, 'image');
	const rootfs = join(place, 'rootfs');
	await mkdir(dir, { recursive: true });
	await mkdir(rootfs);
	const opened = await openImage(image.tar, dir);
	const entries: Entry[] = [];
	for (const layer of opened.layers) {
		const { stdout } = await mustRun({
			command: 'tar',
			args: ['--list', '--verbose', '--numeric-owner', `--file=${layer}`],
		});
		entries.push(...stdout.trim().split('\n').map(entryOf));
		await mustRun({
			command: 'tar',
			args: ['--extract', '--preserve-permissions', `--file=${layer}`, `--directory=${rootfs}`],
		});
	}
	return { ...opened, dir, rootfs, entries };
}

function entryOf(line: string): Entry {
	const [, mode = '', owner = '', path = ''] = /^(\S+)\s+(\S+)\s+\S+\s+\S+\s+\S+\s+(.*)$/.exec(line) ?? [];
	return { mode, owner, path: path.replace(/\/$/, '') };
}

/** A bind mount. */
export interface Mount {
	readonly source: string;
	readonly destination: string;
	readonly writable?: true;
}

/** How to run an image. */
export interface RunOptions {
	readonly env?: Readonly<Record<string, string>>;
	readonly mounts?: readonly Mount[];
	/** The image's own unless given. */
	readonly uid?: number;
	/** Instead of the image's entry point. */
	readonly args?: readonly string[];
	/** `host` unless given; `none` is a network of its own with loopback alone. */
	readonly network?: 'host' | 'none';
}

/** A running container. */
export interface Container {
	readonly process: RunningProcess;
	/** Sends SIGTERM to the program in it, as a kubelet would. */
	terminate(): void;
	/** Ends it, if it has not ended, and clears away what it left. */
	stop(): Promise<Exit>;
}

/**
 * Runs an image with runc as Kubernetes does under Pod Security "restricted": read-only root, no
 * capabilities, no new privileges. The container and its mounts end with this process.
 */
export async function startContainer(image: Unpacked, options: RunOptions = {}): Promise<Container> {
	const place = await scratch('container');
	const id = basename(place.dir);
	const bundle = join(place.dir, 'bundle');
	await mkdir(bundle, { recursive: true });
	await writeFile(join(bundle, 'config.json'), JSON.stringify(runtimeConfig(image, id, options)));
	const removeCgroup = await makeCgroup(id);
	const started = await startProcess({
		name: 'runc',
		command: 'unshare',
		args: [
			...['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation=private'],
			...['runc', '--root', join(place.dir, 'runc'), 'run', '--bundle', bundle, id],
		],
	});
	return {
		process: started,
		// runc hands on the signals that it gets; unshare doesn't.
		terminate: () => {
			const [runc] = readFileSync(`/proc/${started.pid}/task/${started.pid}/children`, 'utf8').split(' ');
			process.kill(Number(runc), 'SIGTERM');
		},
		stop: async () => {
			const exit = await started.stop(0);
			await removeCgroup();
			await place.remove();
			return exit;
		},
	};
}

/** Runs a container to its end. */
export async function runContainer(image: Unpacked, options: RunOptions = {}): Promise<Finished> {
	const container = await startContainer(image, options);
	try {
		const exit = await container.process.exited;
		return { ...exit, stdout: container.process.stdout(), stderr: container.process.stderr() };
	} finally {
		await container.stop();
	}
}

/** Configuration of an OCI runtime (runtime-spec, config.json). */
function runtimeConfig({ manifest, rootfs }: Unpacked, id: string, options: RunOptions): object {
	const { Entrypoint = [], Cmd = [], Env = [], User = '' } = manifest.config;
	const [uid = 0, gid = 0] = User.split(':').map(Number);
	const namespaces = ['pid', 'ipc', 'uts', 'mount', ...(options.network === 'none' ? ['network'] : [])];
	const proc = { destination: '/proc', type: 'proc', source: 'proc' };
	const dev = { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] };
	return {
		ociVersion: '1.0.2',
		root: { path: rootfs, readonly: true },
		process: {
			args: options.args ?? [...Entrypoint, ...Cmd],
			env: [...Env, ...Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`)],
			cwd: '/',
			user: { uid: options.uid ?? uid, gid },
			capabilities: {},
			noNewPrivileges: true,
		},
		mounts: [
			proc,
			dev,
			...(options.mounts ?? []).map(({ source, destination, writable }) => ({
				...{ destination, type: 'bind', source },
				options: ['bind', writable === true ? 'rw' : 'ro', 'nosuid', 'nodev', 'noexec'],
			})),
		],
		linux: {
			cgroupsPath: `/${id}`,
			namespaces: namespaces.map((type) => ({ type })),
			// As Kubernetes does, so that a test can be a DNS server without privileges.
			...(options.network === 'none' ? { sysctl: { 'net.ipv4.ip_unprivileged_port_start': '0' } } : {}),
		},
	};
}
