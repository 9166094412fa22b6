import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { err, ok, type Result } from '../../../contract/result.ts';
import { cached } from '../cache.ts';
import { onPath } from '../process.ts';
import { copyFiles, goBuild } from './go-build.ts';
import { writeKubernetesModule } from './go-module.ts';
import { apiServerOf, type Program, pinned, type Source } from './sources.ts';
import type { KubernetesRelease } from './versions.ts';

/** What KUBEBUILDER_ASSETS holds by custom (`setup-envtest`). */
const ASSETS: readonly Program[] = ['etcd', 'kube-apiserver', 'kubectl'];

/**
 * Returns the path of each of `names`. Uses, in this order: the folder in KUBEBUILDER_ASSETS (etcd,
 * kube-apiserver, kubectl), a kubectl on PATH, the build of an earlier run, and a build from published Go
 * modules. The error says what this machine lacks.
 *
 * @param release of the kube-apiserver, which is then built whatever KUBEBUILDER_ASSETS says; other programs
 * are not affected
 */
export async function preparePrograms<P extends Program>(
	names: readonly P[],
	release?: KubernetesRelease,
): Promise<Result<Readonly<Record<P, string>>>> {
	const paths: [P, string][] = [];
	for (const name of names) {
		const other = name === 'kube-apiserver' ? release : undefined;
		const path = await (other === undefined ? prepare(name) : build(name, apiServerOf(other)));
		if (!path.ok) return path;
		paths.push([name, path.value]);
	}
	return ok(Object.fromEntries(paths) as Record<P, string>);
}

function prepare(name: Program): Promise<Result<string>> | Result<string> {
	const { KUBEBUILDER_ASSETS: assets } = process.env;
	if (assets && ASSETS.includes(name)) {
		const path = join(assets, name);
		return existsSync(path) ? ok(path) : err(`KUBEBUILDER_ASSETS is ${assets}, where there is no ${name}`);
	}
	const installed = name === 'kubectl' ? onPath(name) : undefined;
	return installed === undefined ? build(name, pinned(name)) : ok(installed);
}

async function build(name: Program, source: Source): Promise<Result<string>> {
	const { version, key } = source;
	let failure: string | undefined;
	const folder = await cached({
		name,
		version: key,
		install: async (dir, say) => {
			const go = onPath('go');
			if (go === undefined) throw new NotBuilt(`Go is not installed; it builds ${name} ${version}`);
			say('building from Go modules: minutes the first time, seconds once Go has built it before');
			const built = await buildInto(dir, name, source, go, (seconds) =>
				say(`still building, ${seconds} s so far`),
			);
			if (!built.ok) throw new NotBuilt(built.error);
		},
	}).catch((thrown: unknown) => {
		if (!(thrown instanceof NotBuilt)) throw thrown;
		failure = thrown.message;
		return '';
	});
	return failure === undefined ? ok(join(folder, name)) : err(failure);
}

async function buildInto(
	dir: string,
	name: Program,
	{ from, beside, package: mainPackage, linkFlags }: Source,
	go: string,
	tick: (seconds: number) => void,
): Promise<Result<undefined>> {
	const written = typeof from === 'string';
	// It stays beside the program, and says what that was built from.
	const moduleDir = written ? from : join(dir, 'module');
	if (!written) {
		const made = await writeKubernetesModule(go, moduleDir, from);
		if (!made.ok) return made;
	}
	const output = join(dir, name);
	const built = await goBuild(
		go,
		{ moduleDir, incomplete: !written, package: mainPackage, linkFlags, output },
		tick,
	);
	return built.ok && beside !== undefined ? copyFiles(go, moduleDir, beside, dir) : built;
}

/** Carries a sentence out of the cache, which knows of an install only that it failed. */
class NotBuilt extends Error {}
