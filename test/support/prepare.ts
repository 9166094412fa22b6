/**
 * Gets the real parts of the tests beforehand, with visible progress: Debian packages, OpenBao, programs of
 * Kubernetes, images. `node test/support/prepare.ts [PROJECT]`: those of one project of vitest.config.ts, of
 * `versions` for `make test-versions`, or all. Names the parts that this machine cannot have; their tests are
 * skipped, and on CI that is a failure.
 */
import process from 'node:process';
import { ensureNode, NODE_VERSIONS, pythonReader } from '../fetcher/support/env-readers.ts';
import { type DebianPackage, ensurePackages } from './debian.ts';
import { buildImage, IMAGE_PROGRAMS } from './images.ts';
import { NODE_PACKAGES, NODE_PROGRAMS } from './kubernetes/node/node.ts';
import { preparePrograms } from './kubernetes/programs.ts';
import type { Program } from './kubernetes/sources.ts';
import { policyKubernetes } from './kubernetes/versions.ts';
import { ensureBao } from './openbao-binary.ts';

/** What a project's tests run on, beside OpenBao. */
interface Parts {
	readonly packages: readonly DebianPackage[];
	readonly programs: readonly Program[];
	readonly images?: true;
	/** An API server with mutating admission policies. */
	readonly policies?: true;
	/** Programs of other languages that read what the fetcher writes. */
	readonly readers?: true;
}

const API_SERVER: readonly Program[] = ['etcd', 'kube-apiserver', 'kubectl', 'helm'];
const NODE: Parts = {
	packages: ['curl', 'jq', 'buildah', 'postgresql', ...NODE_PACKAGES],
	programs: [...NODE_PROGRAMS, 'helm', 'kube-network-policies'],
	images: true,
};

const PROJECTS: Readonly<Record<string, Parts>> = {
	plain: {
		packages: [
			'curl',
			'dash',
			'fish',
			'jq',
			'zsh',
			'busybox-static',
			'buildah',
			'postgresql',
			'chromium',
			'fonts-dejavu-core',
		],
		programs: [...API_SERVER, 'actionlint', 'cert-manager', 'cel-cost'],
		images: true,
		readers: true,
	},
	apiserver: { packages: [], programs: API_SERVER, policies: true },
	node: NODE,
	'node-disturbing': NODE,
	// Each of them prepares its own kube-apiserver.
	versions: {
		packages: ['dash', 'fish', 'zsh', 'busybox-static'],
		programs: ['etcd', 'kubectl', 'helm'],
		readers: true,
	},
};

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const [project] = process.argv.slice(2);
const wanted = Object.entries(PROJECTS).filter(([name]) => project === undefined || name === project);
if (wanted.length === 0) {
	say(`there is no project "${project}"; known: ${Object.keys(PROJECTS).join(', ')}`);
	process.exit(2);
}
const parts = wanted.map(([, needs]) => needs);

await ensurePackages([...new Set(parts.flatMap(({ packages }) => packages))], say);
await ensureBao().catch((thrown: unknown) => say(String(thrown)));
if (parts.some(({ readers }) => readers)) {
	for (const version of NODE_VERSIONS)
		await ensureNode(version).catch((thrown: unknown) => say(String(thrown)));
	await pythonReader().catch((thrown: unknown) => say(String(thrown)));
}
for (const program of new Set(parts.flatMap(({ programs }) => programs))) {
	const prepared = await preparePrograms([program]);
	if (!prepared.ok) say(prepared.error);
}
if (parts.some(({ policies }) => policies)) {
	const newer = await preparePrograms(['kube-apiserver'], policyKubernetes());
	if (!newer.ok) say(newer.error);
}
if (parts.some(({ images }) => images)) {
	for (const program of IMAGE_PROGRAMS) {
		const image = await buildImage(program);
		if (!image.ok) say(image.error);
	}
}
