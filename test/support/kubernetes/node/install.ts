import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1Deployment } from '@kubernetes/client-node';
import { ok, type Result } from '../../../../contract/result.ts';
import { buildImage, IMAGE_PROGRAMS, testImage } from '../../images.ts';
import { runProcess } from '../../process.ts';
import { until } from '../../until.ts';
import { type Cluster, connect } from '../cluster.ts';
import { kubectlFor, mustKubectl } from '../kubectl.ts';
import type { Node } from './node.ts';
import { type Choices, writeOverlay } from './overlay.ts';

const CERTS = join(import.meta.dirname, '../../../../deploy/certs/main.ts');

/** Images of applications, beside `localhost/busybox:1`, which has no entry point. */
export const APP_IMAGES = { dash: 'localhost/app-dash:test', busybox: 'localhost/app-busybox:test' } as const;

/** Imports the images of webhook, fetcher and API, built from their Dockerfiles, and of the applications. */
async function importImages(node: Node, say: (line: string) => void): Promise<Result<undefined>> {
	for (const program of IMAGE_PROGRAMS) {
		say(`building the image of the ${program}, unless that was done before`);
		const image = await buildImage(program);
		if (!image.ok) return image;
		await node.images.importImage(image.value.tar);
	}
	for (const name of ['app-dash', 'app-busybox'] as const) {
		const image = await testImage(name);
		if (!image.ok) return image;
		await node.images.importImage(image.value.tar);
	}
	return ok(undefined);
}

/**
 * Installs Envtier with the commands of docs/installing.md: applies an overlay, and the certificate script
 * creates Secret and caBundle. Every replica is Ready when this resolves.
 */
export async function installEnvtier(
	node: Node,
	choices: Choices,
	say: (line: string) => void,
): Promise<Result<undefined>> {
	const images = await importImages(node, say);
	if (!images.ok) return images;
	const overlay = join(node.dir, 'overlay');
	await mkdir(overlay);
	await writeOverlay(overlay, choices);
	say('kubectl apply -k …, then deploy/certs');
	await mustKubectl(kubectlFor(node.programs.kubectl, node.access), 'apply', '-k', overlay);
	await makeCertificate(node.access.kubeconfig);
	await untilServing(node);
	await untilReached(node);
	return ok(undefined);
}

/** Waits until as many replicas of the webhook, or of what is named, are ready as its Deployment wants. */
export async function untilServing(
	cluster: Pick<Cluster, 'request'>,
	name: 'envtier-webhook' | 'envtier-api' | 'envtier-reveal' | 'envtier-controller' = 'envtier-webhook',
	namespace = 'envtier-system',
): Promise<void> {
	const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
	await until(
		`every replica of ${name} to be ready`,
		async () => {
			const { spec, status } = (await cluster.request<V1Deployment>('GET', path)).body;
			return status?.observedGeneration !== undefined && status.readyReplicas === spec?.replicas;
		},
		{ timeoutMs: 180_000, everyMs: 200 },
	);
}

/**
 * Waits until the API server reaches the webhook: kube-proxy follows a moment after a replica is Ready. A pod
 * of an account that does not exist is refused later, by the API server itself.
 */
async function untilReached(node: Node): Promise<void> {
	const cluster = connect(node.access);
	const pod = {
		metadata: { name: 'reaches', annotations: { 'envtier.dev/deployment': 'reaches' } },
		spec: { containers: [{ name: 'main', image: 'localhost/busybox:1' }] },
	};
	await until(
		'the webhook to be reached',
		async () => {
			const path = '/api/v1/namespaces/default/pods?dryRun=All';
			const { status, body } = await cluster.request<{ message?: string }>('POST', path, pod);
			return status === 201 || !/failed calling webhook/.test(body.message ?? '');
		},
		{ timeoutMs: 60_000, everyMs: 200 },
	);
}

/** Runs the certificate script with further arguments; throws what it said when it fails. */
export async function makeCertificate(kubeconfig: string, ...args: readonly string[]): Promise<void> {
	const { code, stdout, stderr } = await runProcess({
		name: 'deploy/certs',
		command: process.execPath,
		args: [CERTS, '--kubeconfig', kubeconfig, ...args],
		timeoutMs: 240_000,
	});
	if (code !== 0) throw new Error(`deploy/certs ended with ${code}: ${stdout}${stderr}`);
}
