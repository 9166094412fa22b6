import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { err, ok, type Result } from '../../../contract/result.ts';
import { cached } from '../cache.ts';
import { onPath } from '../process.ts';
import { copyFiles, goBuild } from './go-build.ts';

const KUBERNETES = { module: 'k8s.io/kubernetes', set: 'kubernetes' } as const;

/**
 * Which published package each program is built from; `set` is the folder below go/ whose go.mod pins it. `main` names a package of that
 * folder instead, which says what of a module goes in. The files of the module's folder `beside` come to lie beside the program.
 */
const SOURCES = {
	etcd: { module: 'go.etcd.io/etcd/server/v3', set: 'etcd', path: '' },
	'kube-apiserver': { ...KUBERNETES, path: '/cmd/kube-apiserver' },
	kubectl: { ...KUBERNETES, path: '/cmd/kubectl' },
	'kube-controller-manager': { ...KUBERNETES, path: '/cmd/kube-controller-manager' },
	'kube-scheduler': { ...KUBERNETES, path: '/cmd/kube-scheduler' },
	'kube-proxy': { ...KUBERNETES, path: '/cmd/kube-proxy' },
	kubelet: { ...KUBERNETES, path: '/cmd/kubelet' },
	coredns: { module: 'github.com/coredns/coredns', set: 'coredns', main: '.' },
	'cert-manager': {
		...{ module: 'github.com/cert-manager/cert-manager', set: 'cert-manager', main: '.' },
		beside: 'deploy/crds',
	},
	helm: { module: 'helm.sh/helm/v4', set: 'helm', path: '/cmd/helm' },
	actionlint: { module: 'github.com/rhysd/actionlint', set: 'actionlint', path: '/cmd/actionlint' },
} as const;

/** What KUBEBUILDER_ASSETS holds by custom (`setup-envtest`). */
const ASSETS: readonly Program[] = ['etcd', 'kube-apiserver', 'kubectl'];

/** One program of a Kubernetes cluster, or one that tests what goes there. */
export type Program = keyof typeof SOURCES;

/**
 * Gives the path of each of `names`. Used are, in this order: the folder that KUBEBUILDER_ASSETS names (etcd, kube-apiserver, kubectl),
 * a kubectl on PATH, what an earlier run has built, and a build from published Go modules.
 * Fails with a sentence that says what this machine lacks.
 */
export async function preparePrograms<P extends Program>(
	names: readonly P[],
): Promise<Result<Readonly<Record<P, string>>>> {
	const paths: [P, string][] = [];
	for (const name of names) {
		const path = await prepare(name);
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
	return installed === undefined ? build(name) : ok(installed);
}

async function build(name: Program): Promise<Result<string>> {
	const { version, key, beside, ...source } = pinned(name);
	let failure: string | undefined;
	const folder = await cached({
		name,
		version: key,
		install: async (dir, say) => {
			const go = onPath('go');
			if (go === undefined) throw new NotBuilt(`Go is not installed; it builds ${name} ${version}`);
			say('building from Go modules: minutes the first time, seconds once Go has built it before');
			const built = await goBuild(go, { ...source, output: join(dir, name) }, (seconds) =>
				say(`still building, ${seconds} s so far`),
			);
			const whole =
				built.ok && beside !== undefined ? await copyFiles(go, source.moduleDir, beside, dir) : built;
			if (!whole.ok) throw new NotBuilt(whole.error);
		},
	}).catch((thrown: unknown) => {
		if (!(thrown instanceof NotBuilt)) throw thrown;
		failure = thrown.message;
		return '';
	});
	return failure === undefined ? ok(join(folder, name)) : err(failure);
}

/** Carries a sentence out of the cache, which knows of an install only that it failed. */
class NotBuilt extends Error {}

/** What exactly is built; `key` differs whenever anything that goes into the build does. */
function pinned(name: Program) {
	const { module, set, ...source } = SOURCES[name];
	const moduleDir = join(import.meta.dirname, 'go', set);
	const goMod = readFileSync(join(moduleDir, 'go.mod'), 'utf8');
	const version = required(goMod, module);
	const linkFlags = set === 'kubernetes' ? `-s -w ${kubernetesVersion(version)}` : '-s -w';
	const hash = createHash('sha256')
		.update(goMod)
		.update(readFileSync(join(moduleDir, 'go.sum')));
	if ('main' in source) hash.update(readFileSync(join(moduleDir, source.main, 'main.go')));
	const digest = hash.update(linkFlags).digest('hex').slice(0, 8);
	return {
		moduleDir,
		package: 'main' in source ? source.main : module + source.path,
		linkFlags,
		version,
		beside: 'beside' in source ? { module, folder: source.beside } : undefined,
		key: `${version}-${process.platform}-${process.arch}-${digest}`,
	};
}

/** The version of `module` that a go.mod asks for. */
function required(goMod: string, module: string): string {
	const line = goMod
		.split('\n')
		.find((text) => text.replace(/^\s*(require )?/, '').startsWith(`${module} v`));
	const version = /\s(v\S+)/.exec(line ?? '')?.[1];
	if (version === undefined) throw new Error(`go.mod does not require ${module}`);
	return version;
}

/** A release build is told its version by the linker; without it the API server calls itself v0.0.0. */
function kubernetesVersion(version: string): string {
	const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(version) ?? [];
	const values = { gitVersion: version, gitMajor: major, gitMinor: minor };
	return Object.entries(values)
		.map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
		.join(' ');
}
