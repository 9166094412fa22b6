import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, type Result } from '../../../contract/result.ts';
import { runProcess } from '../process.ts';

/** How often a build that takes long says that it is still at it. */
const TICK_MS = 15_000;
/** A cold build of the largest program on two slow cores stays well below. */
const LIMIT_MS = 40 * 60_000;
const SHOWN_LINES = 30;

/** What is built, from which module, into which file. */
export interface GoBuild {
	/**
	 * Folder with a go.mod and go.sum that pin everything. The build may not change them unless they are
	 * `incomplete`.
	 */
	readonly moduleDir: string;
	readonly incomplete?: boolean;
	/** Import path of the main package. */
	readonly package: string;
	readonly linkFlags: string;
	readonly output: string;
}

/** Copies the files of a folder of a module that was built from into `dir`. */
export async function copyFiles(
	go: string,
	moduleDir: string,
	{ module, folder }: { readonly module: string; readonly folder: string },
	dir: string,
): Promise<Result<undefined>> {
	const { code, stdout, stderr } = await runProcess({
		command: go,
		args: ['list', '-mod=readonly', '-m', '-f', '{{.Dir}}', module],
		cwd: moduleDir,
		env: { ...process.env, GOWORK: 'off' },
	});
	if (code !== 0) return err(`go list ${module} failed: ${stderr.trim()}`);
	const from = join(stdout.trim(), folder);
	for (const name of await readdir(from)) await copyFile(join(from, name), join(dir, name));
	return ok(undefined);
}

/** Builds one program with the `go` command given; `tick` hears the seconds gone by, now and then. */
export async function goBuild(
	go: string,
	{ moduleDir, incomplete = false, package: mainPackage, linkFlags, output }: GoBuild,
	tick: (seconds: number) => void,
): Promise<Result<undefined>> {
	const started = performance.now();
	const timer = setInterval(() => tick(Math.round((performance.now() - started) / 1000)), TICK_MS);
	try {
		const mod = incomplete ? '-mod=mod' : '-mod=readonly';
		const flags = [mod, '-trimpath', '-buildvcs=false', '-ldflags', linkFlags];
		const { code, stderr } = await runProcess({
			command: go,
			args: ['build', ...flags, '-o', output, mainPackage],
			cwd: moduleDir,
			// The caller's environment: it may name a proxy, a mirror or Go's own folders.
			env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' },
			timeoutMs: LIMIT_MS,
		});
		if (code === 0) return ok(undefined);
		return err(
			`go build ${mainPackage} failed:\n${stderr.trim().split('\n').slice(-SHOWN_LINES).join('\n')}`,
		);
	} finally {
		clearInterval(timer);
	}
}
