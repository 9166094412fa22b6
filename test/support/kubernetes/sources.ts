import { createHash, type Hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubernetesRelease } from './versions.ts';

const KUBERNETES = { module: 'k8s.io/kubernetes', set: 'kubernetes' } as const;

/**
 * The published package of each program. `set` is the folder below go/ whose go.mod pins it. `main` is a
 * package of that folder that replaces the module's own and selects its content. `beside` is a folder of the
 * module whose files are copied beside the program.
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
	'kube-network-policies': {
		...{ module: 'sigs.k8s.io/kube-network-policies', set: 'kube-network-policies', main: '.' },
	},
	helm: { module: 'helm.sh/helm/v4', set: 'helm', path: '/cmd/helm' },
	'cel-cost': { module: 'k8s.io/apiserver', set: 'cel-cost', main: '.' },
	actionlint: { module: 'github.com/rhysd/actionlint', set: 'actionlint', path: '/cmd/actionlint' },
} as const;

/** One program of a Kubernetes cluster, or one that tests what goes there. */
export type Program = keyof typeof SOURCES;

/** What exactly is built. */
export interface Source {
	readonly version: string;
	/** Differs whenever anything that goes into the build does. */
	readonly key: string;
	readonly package: string;
	readonly linkFlags: string;
	/** The folder of the go.mod that pins everything, or the release from whose own one is made. */
	readonly from: string | KubernetesRelease;
	readonly beside?: { readonly module: string; readonly folder: string } | undefined;
}

/** What the go.mod of this repository pins for a program. */
export function pinned(name: Program): Source {
	const { module, set, ...source } = SOURCES[name];
	const moduleDir = join(import.meta.dirname, 'go', set);
	const goMod = readFileSync(join(moduleDir, 'go.mod'), 'utf8');
	const version = required(goMod, module);
	const linkFlags = set === 'kubernetes' ? `-s -w ${kubernetesVersion(version)}` : '-s -w';
	const hash = createHash('sha256')
		.update(goMod)
		.update(readFileSync(join(moduleDir, 'go.sum')));
	if ('main' in source) hash.update(readFileSync(join(moduleDir, source.main, 'main.go')));
	const digest = shortened(hash.update(linkFlags));
	return {
		from: moduleDir,
		package: 'main' in source ? source.main : module + source.path,
		linkFlags,
		version,
		beside: 'beside' in source ? { module, folder: source.beside } : undefined,
		key: `${version}-${PLATFORM}-${digest}`,
	};
}

/** What the kube-apiserver of a release is built from. */
export function apiServerOf(release: KubernetesRelease): Source {
	const { version, sum } = release;
	const linkFlags = `-s -w ${kubernetesVersion(version)}`;
	const digest = shortened(createHash('sha256').update(sum).update(linkFlags));
	return {
		from: release,
		package: KUBERNETES.module + SOURCES['kube-apiserver'].path,
		linkFlags,
		version,
		key: `${version}-${PLATFORM}-${digest}`,
	};
}

const PLATFORM = `${process.platform}-${process.arch}`;

function shortened(hash: Hash): string {
	return hash.digest('hex').slice(0, 8);
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
