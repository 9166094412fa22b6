import { X509Certificate } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kubectlFor, mustKubectl } from '../support/kubernetes/kubectl.ts';
import { refusalOf } from '../support/kubernetes/pods.ts';
import { preparePrograms } from '../support/kubernetes/programs.ts';
import { freePort } from '../support/ports.ts';
import { type RunningProcess, startProcess } from '../support/process.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { bundleOf, overwriteBundle, shownBy } from './self-managed/replica.ts';
import {
	describeOnApiServer,
	flow,
	type Mounted,
	mountSecret,
	NAMESPACE,
	readPair,
	startWebhookWith,
} from './support.ts';

const MANIFESTS = join(import.meta.dirname, '../../deploy/manifests');
const CERTIFICATE = `/apis/cert-manager.io/v1/namespaces/${NAMESPACE}/certificates/envtier-webhook`;
const MERGE = { contentType: 'application/merge-patch+json' };
/** A controller that waits before it tries again. */
const PATIENT = { timeoutMs: 90_000, everyMs: 200 } as const;

/** What a Certificate tells of itself, as far as it matters here. */
interface Certificate {
	readonly status?: {
		readonly revision?: number;
		readonly conditions?: readonly { readonly type: string; readonly status: string }[];
	};
}

await describeOnApiServer('the component for cert-manager, with cert-manager', (server) => {
	let place: Scratch;
	let certManager: RunningProcess;
	let webhook: RunningProcess | undefined;
	let mounted: Mounted | undefined;
	let namespace: string;
	let port: number;
	beforeAll(async () => {
		place = await scratch('cert-manager');
		const programs = await preparePrograms(['cert-manager', 'kubectl']);
		if (!programs.ok) throw new Error(programs.error);
		const { 'cert-manager': program, kubectl: path } = programs.value;
		const kubectl = kubectlFor(path, server);
		const definitions = (await readdir(dirname(program))).filter((name) => name.endsWith('.yaml'));
		expect(definitions).toContain('cert-manager.io_certificates.yaml');
		await mustKubectl(
			kubectl,
			...['apply', '--server-side', ...definitions.flatMap((name) => ['-f', join(dirname(program), name)])],
		);
		await mustKubectl(kubectl, 'wait', '--for=condition=Established', 'crd', '--all');
		await server.createNamespace({ name: 'cert-manager' });
		namespace = await server.createNamespace();
		port = await freePort();
		const overlay = join(place.dir, 'overlay');
		await mkdir(overlay);
		// Without kube-proxy the API server calls the webhook by address, so its certificate must name that as
		// well.
		const patch = (kind: string, name: string, op: object) => ({
			target: { kind, name },
			patch: JSON.stringify([op]),
		});
		const kustomization = {
			resources: [relative(overlay, join(MANIFESTS, 'overlays/production'))],
			components: [relative(overlay, join(MANIFESTS, 'components/cert-manager'))],
			patches: [
				patch('Certificate', 'envtier-webhook', {
					...{ op: 'add', path: '/spec/ipAddresses', value: ['127.0.0.1'] },
				}),
				patch('MutatingWebhookConfiguration', 'envtier', {
					...{ op: 'replace', path: '/webhooks/0/clientConfig' },
					value: { url: `https://127.0.0.1:${port}/mutate` },
				}),
			],
		};
		await writeFile(join(overlay, 'kustomization.yaml'), JSON.stringify(kustomization));
		await mustKubectl(kubectl, 'apply', '-k', overlay);
		certManager = await startProcess({
			...{ name: 'cert-manager', command: program, args: [server.kubeconfig] },
			env: { HOME: place.dir },
		});
		await certManager.waitUntil(
			'the Secret to be filled',
			async () => (await readPair(server))?.certificate.includes('BEGIN CERTIFICATE'),
			PATIENT,
		);
		const dir = join(place.dir, 'tls');
		await mkdir(dir);
		mounted = await mountSecret(server, dir);
		webhook = await startWebhookWith(mounted, port);
		const { stdout } = webhook;
		await webhook.waitUntil('it serves', () => stdout().includes('"msg":"serving"'));
	}, 300_000);
	afterAll(async () => {
		await webhook?.stop();
		await mounted?.stop();
		await certManager?.stop();
		await server.stop();
		await place.remove();
	});

	const bundle = () => bundleOf(server);

	/** The fingerprint of the certificate that the webhook shows. */
	const served = async () => shownBy(port, await bundle());

	/** What stands in the way of a pod that asks for secrets; undefined when it is injected. */
	const refusal = () => refusalOf(server, namespace);

	test('its objects make a certificate that the CA of the caBundle has signed, and pods are injected', async () => {
		await until('a pod to be injected', async () => (await refusal()) === undefined, PATIENT);
		const pair = await readPair(server);
		const [ca, leaf] = [pair?.ca ?? '', pair?.certificate ?? ''].map((pem) => new X509Certificate(pem));
		expect(await bundle()).toBe(pair?.ca);
		expect(ca?.ca).toBe(true);
		expect(leaf?.checkIssued(ca as X509Certificate)).toBe(true);
		expect(leaf?.subjectAltName).toContain(`DNS:envtier-webhook.${NAMESPACE}.svc`);
		const days = (one?: X509Certificate) =>
			Math.round(((one?.validToDate.getTime() ?? 0) - (one?.validFromDate.getTime() ?? 0)) / 86_400_000);
		expect([days(leaf), days(ca)]).toEqual([90, 3650]);
	});

	test('a caBundle that somebody has overwritten is mended', async () => {
		const whole = await bundle();
		await overwriteBundle(server, '');
		await until('the caBundle', async () => (await bundle()) === whole, PATIENT);
		await until('a pod to be injected', async () => (await refusal()) === undefined, PATIENT);
	});

	test('a renewed certificate is taken up while pods go on being injected, and the CA stays', async () => {
		const before = await readPair(server);
		const pods = flow(refusal);
		const { body } = await server.request<Certificate>('GET', CERTIFICATE);
		// What `cmctl renew` does.
		const issuing = {
			...{ type: 'Issuing', status: 'True', reason: 'ManuallyTriggered', message: 'by the test' },
			lastTransitionTime: new Date().toISOString(),
		};
		const conditions = [...(body.status?.conditions ?? []), issuing];
		const told = await server.request('PATCH', `${CERTIFICATE}/status`, { status: { conditions } }, MERGE);
		expect(told.status).toBe(200);
		const after = await until(
			'another certificate',
			async () => {
				const pair = await readPair(server);
				return pair?.certificate === before?.certificate ? undefined : pair;
			},
			PATIENT,
		);
		const { fingerprint256 } = new X509Certificate(after.certificate);
		await until('it to be served', async () => (await served()) === fingerprint256, PATIENT);
		const done = pods.done();
		await until('pods with the new certificate', () => pods.done() > done + 20, PATIENT);
		expect(await pods.stop()).toEqual([]);
		expect([after.ca, await bundle()]).toEqual([before?.ca, before?.ca]);
		expect(after.key).not.toBe(before?.key);
	});
});
