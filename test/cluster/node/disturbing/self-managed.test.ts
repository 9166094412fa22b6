import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { V1Secret } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { readable } from '../../../../pki/bundle.ts';
import {
	bundleOf,
	fingerprint,
	SECRET as OWN_SECRET,
	overwriteBundle,
	secretOf,
} from '../../../certs/self-managed/replica.ts';
import { flow, readPair, SECRET as SCRIPT_SECRET } from '../../../certs/support.ts';
import { kubectlFor } from '../../../support/kubernetes/kubectl.ts';
import { makeCertificate, untilServing } from '../../../support/kubernetes/node/install.ts';
import { MAIN, refusalOf } from '../../../support/kubernetes/pods.ts';
import { runPod } from '../../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../../support/node-servers.ts';
import { until } from '../../../support/until.ts';
import { replicaNames, replicasOf, untilReplicasGone } from '../support/observe.ts';
import { makeTenant } from '../support/tenant.ts';
import { commandsUnder, type Typing, typingAs } from '../support/walkthrough.ts';

const PAGE = 'docs/certificates.md';
const SYSTEM = 'envtier-system';
/** The name of the component's Roles and bindings, and of the Secret. */
const RIGHTS = 'envtier-webhook-certificates';
const COMPONENT = join(import.meta.dirname, '../../../../deploy/manifests/components/self-managed');
/** Renewed after forty seconds. */
const SHORT = [
	'ENVTIER_CERTIFICATES_LIFE=60s',
	'ENVTIER_CERTIFICATES_CA_LIFE=10m',
	'ENVTIER_CERTIFICATES_SETTLE=3s',
];
const PATIENT = { timeoutMs: 110_000, everyMs: 200 };
/** The script ends so when it leaves both CAs trusted. */
const UNFINISHED = 3;

describeWithNode('an installation whose replicas keep their certificate themselves', (servers) => {
	const { cluster } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster);
	const nodeDir = dirname(cluster.kubeconfig);
	/** What the cluster of all tests was installed from. */
	const shared = join(nodeDir, 'overlay');
	const own = join(nodeDir, 'overlay-self-managed');
	let type: Typing;
	let namespace: string;
	let moved = false;

	beforeAll(async () => {
		await mkdir(own, { recursive: true });
		const kustomization = {
			namespace: SYSTEM,
			resources: ['../overlay'],
			components: [relative(own, COMPONENT)],
			configMapGenerator: [{ name: 'envtier-settings', behavior: 'merge', literals: SHORT }],
		};
		await writeFile(join(own, 'kustomization.yaml'), stringify(kustomization));
		await mkdir(join(own, 'home'), { recursive: true });
		type = await typingAs({
			dir: join(own, 'home'),
			programs: { kubectl: servers.kubectl, node: process.execPath },
			env: { KUBECONFIG: cluster.kubeconfig },
		});
		namespace = await cluster.createNamespace();
	});

	// Back to what the other tests were promised, however far this came.
	afterAll(async () => {
		if (!moved) return;
		await kubectl('apply', '-k', shared);
		const left = ['--ignore-not-found', RIGHTS];
		await kubectl('-n', SYSTEM, 'delete', 'role,rolebinding,secret', ...left);
		await kubectl('delete', 'clusterrole,clusterrolebinding', ...left);
		await makeCertificate(cluster.kubeconfig);
		await untilServing(cluster);
	}, 300_000);

	const names = () => replicaNames(cluster);
	const untilGone = (before: readonly string[]) => untilReplicasGone(cluster, before);
	/** When the certificate ends that each replica shows, in seconds since 1970, as its metrics say. */
	async function ends(): Promise<readonly number[]> {
		const all = await Promise.all(
			(await names()).map(async (name) => {
				const path = `/api/v1/namespaces/${SYSTEM}/pods/https:${name}:8443/proxy/metrics`;
				const { body } = await cluster.request<string>('GET', path);
				return Number(/^envtier_webhook_certificate_expiry_timestamp_seconds (\S+)$/m.exec(body)?.[1]);
			}),
		);
		return all;
	}
	const leafEnds = async (): Promise<number> => {
		const leaf = readable((await secretOf(cluster))?.['tls.crt'] ?? '')[0];
		return (leaf?.validToDate.getTime() ?? 0) / 1000;
	};
	const trusted = async (): Promise<readonly string[]> =>
		readable(await bundleOf(cluster)).map((ca) => ca.fingerprint256);
	const admitted = () => refusalOf(cluster, namespace);
	/** Has pods created while `meanwhile` goes on, and none may fail. */
	async function withoutAGap(meanwhile: () => Promise<void>): Promise<void> {
		const pods = flow(admitted);
		const failed: string[] = [];
		try {
			await meanwhile();
		} finally {
			failed.push(...(await pods.stop()));
		}
		expect(failed).toEqual([]);
		expect(pods.done()).toBeGreaterThan(50);
	}
	const typeAll = async (heading: string): Promise<void> => {
		for (const command of commandsUnder([PAGE, heading], { '../envtier-cluster': own })) await type(command);
	};

	test('is made of one with the script’s by the commands of the page, and no pod is refused', async () => {
		const before = await names();
		const script = await readPair(cluster);
		moved = true;
		await withoutAGap(async () => {
			await typeAll('From the script to the webhook');
			await untilGone(before);
		});
		const secret = await secretOf(cluster);
		expect(await trusted()).toEqual([fingerprint(secret?.['ca.crt']), fingerprint(script?.ca)]);
		await until(
			'both replicas to show what the Secret holds',
			async () => {
				const end = await leafEnds();
				return (await ends()).join() === [end, end].join();
			},
			PATIENT,
		);
		expect((await cluster.request<V1Secret>('GET', SCRIPT_SECRET)).status).toBe(404);
	}, 240_000);

	test('gives pods their secrets, and renews its certificate in running replicas while pods are created', async () => {
		const before = { names: await names(), end: await leafEnds() };
		await withoutAGap(async () => {
			const tenant = await makeTenant(servers);
			const { log } = await runPod(cluster, tenant.namespace, {
				metadata: { name: 'app', annotations: tenant.annotations() },
				spec: {
					serviceAccountName: tenant.account,
					containers: [
						{
							...MAIN,
							image: 'localhost/busybox:1',
							command: ['sh', '-ec', '. /secrets/env; echo "$LEVEL"'],
						},
					],
				},
			});
			expect(log).toBe('debug\n');
			await until(
				'both replicas to show another certificate',
				async () => (await ends()).every((end) => end > before.end),
				PATIENT,
			);
		});
		expect(await names()).toEqual(before.names);
		const restarts = (await replicasOf(cluster)).map(
			({ status }) => status?.containerStatuses?.[0]?.restartCount,
		);
		expect(restarts).toEqual([0, 0]);
	}, 240_000);

	test('mends a caBundle that somebody has overwritten', async () => {
		const ca = fingerprint((await secretOf(cluster))?.['ca.crt']) ?? '';
		await overwriteBundle(cluster, '');
		await until('their CA to be trusted again', async () => (await trusted()).includes(ca), PATIENT);
		await until('pods to be admitted again', async () => (await admitted()) === undefined, PATIENT);
	});

	test('goes back to the script’s by the commands of the page, and no pod is refused', async () => {
		const before = await names();
		await withoutAGap(async () => {
			const heading = 'From the webhook to the script';
			const [first = '', ...rest] = commandsUnder([PAGE, heading], { '../envtier-cluster': shared });
			await type(`${first} || test $? = ${UNFINISHED}`);
			for (const command of rest) await type(command);
			await untilGone(before);
		});
		expect(await trusted()).toEqual([fingerprint((await readPair(cluster))?.ca)]);
		expect((await cluster.request('GET', OWN_SECRET)).status).toBe(404);
		moved = false;
	}, 240_000);
});
