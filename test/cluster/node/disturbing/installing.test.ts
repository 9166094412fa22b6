import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { V1Deployment } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { flow } from '../../../certs/support.ts';
import { ROOT } from '../../../docs/support/pages.ts';
import { kubectlFor } from '../../../support/kubernetes/kubectl.ts';
import { makeCertificate } from '../../../support/kubernetes/node/install.ts';
import { createPod, injectedInto, MAIN, podOf, refusalOf, tryPod } from '../../../support/kubernetes/pods.ts';
import { runPod, untilReady } from '../../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../../support/node-servers.ts';
import { runProcess } from '../../../support/process.ts';
import { type Scratch, scratch } from '../../../support/scratch.ts';
import { patternOf, SYMPTOMS } from '../../../support/symptoms.ts';
import { until } from '../../../support/until.ts';
import { installChart } from '../support/chart.ts';
import { replicasOf, untilDescribed } from '../support/observe.ts';
import { makeTenant, type Tenant } from '../support/tenant.ts';
import { blocksUnder, commandsUnder, type Typing, typingAs } from '../support/walkthrough.ts';

const PAGE = 'docs/installing.md';
const DEPLOYMENT = '/apis/apps/v1/namespaces/envtier-system/deployments/envtier-webhook';
/** Those of the cluster that all tests share. */
const REPLICAS = 2;
const VERSIONS = { first: '0.1.0', second: '0.2.0' } as const;
const sh = (script: string) => ({ ...MAIN, image: 'localhost/busybox:1', command: ['sh', '-ec', script] });

describeWithNode('docs/installing.md, command by command:', (servers) => {
	const { cluster, prefix } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster);
	const nodeDir = dirname(cluster.kubeconfig);
	/** What the cluster of all other tests was installed from. */
	const shared = join(nodeDir, 'overlay');
	let files: Scratch;
	let type: Typing;
	let before: Tenant;
	let certified = true;
	let replacements: Readonly<Record<string, string>>;
	const typeAll = async (heading: string, page = PAGE, more = {}): Promise<readonly string[]> => {
		const printed: string[] = [];
		for (const command of commandsUnder([page, heading], { ...replacements, ...more }))
			printed.push(await type(command));
		return printed;
	};
	/** Writes the page's kustomization for a version. */
	const choose = async (version: string): Promise<void> => {
		const [text = ''] = blocksUnder([PAGE, 'Install'], 'yaml', replacements);
		await writeFile(
			join(files.dir, 'envtier-cluster', 'kustomization.yaml'),
			text.replaceAll(VERSIONS.first, version),
		);
	};

	beforeAll(async () => {
		files = await scratch('installing');
		const config = join(files.dir, 'envtier-cluster');
		await mkdir(config);
		await writeFile(join(config, 'vault-ca.pem'), await readFile(join(shared, 'vault-ca.pem')));
		replacements = {
			'../envtier-cluster': config,
			'../envtier/': `${relative(config, ROOT)}/`,
			'https://vault.example.com:8200': servers.vaultInside,
			'https://kubernetes.example.com:6443': `https://${servers.nodeIp}:6443`,
			// Vault has it already, by the name of a Service.
			'kubectl create namespace vault': 'kubectl get namespace vault',
			'> reviewer.jwt': `> ${files.dir}/reviewer.jwt`,
			' reviewer.jwt': ` ${files.dir}/reviewer.jwt`,
			'> ca.crt': `> ${files.dir}/ca.crt`,
			' ca.crt': ` ${files.dir}/ca.crt`,
		};
		const administrator = await servers.vaultAdministrator();
		type = await typingAs({
			dir: files.dir,
			programs: {
				...{ kubectl: servers.kubectl, node: process.execPath },
				vault: administrator['VAULT_CLI'] ?? '',
			},
			env: { ...administrator, KUBECONFIG: cluster.kubeconfig },
		});
		// What was built stands in for what an administrator has pushed; the second version differs by its name.
		const ctr = ['ctr', '--address', join(nodeDir, 'containerd.sock'), '--namespace', 'k8s.io'];
		for (const program of ['webhook', 'fetcher'])
			for (const version of Object.values(VERSIONS)) {
				const built = `docker.io/library/envtier-${program}:${VERSIONS.first}`;
				const pushed = `registry.example.com/envtier-${program}:${version}`;
				const [command = '', ...args] = [...prefix, ...ctr, 'images', 'tag', built, pushed];
				const tagged = await runProcess({ command, args });
				expect(tagged.code, tagged.stderr).toBe(0);
			}
		await choose(VERSIONS.first);
		await cluster.createNamespace({ name: 'shop' });
		await cluster.createServiceAccount('shop', 'web');
		before = await makeTenant(servers);
		await createPod(
			cluster,
			before.namespace,
			before.pod({ containers: [sh('. /secrets/env; sleep 3600')] }),
		);
		await untilReady(cluster, before.namespace, 'app');
	}, 300_000);

	// Back to what the other tests were promised.
	afterAll(async () => {
		await type(`kubectl apply -k ${shared}`);
		if (!certified) await makeCertificate(cluster.kubeconfig);
		await type('kubectl -n envtier-system rollout status deployment/envtier-webhook');
		// A replica on its way out still answers, with the settings that it has.
		await until(
			'the last replica of the other settings to be gone',
			async () => (await replicasOf(cluster)).length === REPLICAS,
			{ timeoutMs: 120_000, everyMs: 500 },
		);
		await kubectl('delete', 'namespace', 'shop', '--wait=false');
		await files.remove();
	}, 300_000);

	test('removing leaves nothing of Envtier; running pods go on, and others start', async () => {
		// Where another test has installed it.
		await type('kubectl delete --ignore-not-found -k deploy/manifests/api');
		certified = false;
		await typeAll('Remove');
		const kinds = await kubectl('api-resources', '--verbs=list', '-o', 'name');
		const left = await kubectl(
			...['get', kinds.stdout.trim().split('\n').join(','), '-A', '-o', 'name'],
			...['-l', 'app.kubernetes.io/part-of=envtier'],
		);
		expect([left.code, left.stdout]).toEqual([0, '']);
		const inside = await kubectl('exec', '-n', before.namespace, 'app', '--', 'cat', '/secrets/env');
		expect(inside.stdout).toContain("export LEVEL='debug'");
		const { log } = await runPod(cluster, before.namespace, {
			metadata: { name: 'afterwards', annotations: before.annotations() },
			spec: { containers: [sh('ls /secrets 2>&1 || true')] },
		});
		expect(log).toContain('No such file');
	}, 300_000);

	test('the chart does the same with Helm, and brings an API that answers; uninstalling leaves Secrets alone', async () => {
		await using release = await installChart(servers, before);
		await release.setSecret('FROM_HELM', 'of the test');
		expect(await release.found('FROM_HELM', 'LEVEL')).toBe('FROM_HELM=of the test\nLEVEL=debug\n');
		// Its pod runs from the webhook's image and asks the API server.
		expect(await release.helm('test', 'envtier', '--timeout', '100s', '--logs')).toMatch(
			/Phase: +Succeeded[\s\S]*is injected in the namespace default/,
		);
		await release.helm('uninstall', 'envtier', '--wait');
		const kinds = await kubectl('api-resources', '--verbs=list', '-o', 'name');
		const all = ['get', kinds.stdout.trim().split('\n').join(','), '-A', '-o', 'name'];
		const left = await kubectl(...all, '-l', 'app.kubernetes.io/part-of=envtier');
		// One is the certificate script's, the other that of the webhook, which keeps its certificate itself.
		const kept = ['secret/envtier-api-tls', 'secret/envtier-webhook-certificates'];
		expect([left.code, left.stdout.trim().split('\n')]).toEqual([0, kept]);
	}, 300_000);

	test('installing never stops a pod that asks for nothing, and when it is done the others have their secrets', async () => {
		const [apply = '', certificate = '', ready = '', ...rest] = commandsUnder(
			[PAGE, 'Install'],
			replacements,
		);
		expect([apply, certificate, ready, rest]).toEqual([
			expect.stringMatching(/^kubectl apply/),
			expect.stringContaining('deploy/certs'),
			expect.stringMatching(/rollout status/),
			[],
		]);
		const namespace = await cluster.createNamespace();
		const problems: string[] = [];
		const others = flow(async () => {
			const made = await createPod(cluster, namespace, podOf({ name: crypto.randomUUID() }), 'dryRun=All');
			return made.status === 201 ? undefined : `${made.status} ${made.body.message}`;
		});
		await type(apply);
		const [waiting] = SYMPTOMS['there is no certificate yet'].shown;
		await untilDescribed(kubectl, 'envtier-system', ['pods'], patternOf(waiting));
		const early = await createPod(cluster, namespace, podOf({ envtier: { deployment: 'shop' } }));
		expect([early.status, injectedInto(early.body)]).toEqual([500, []]);
		await type(certificate);
		certified = true;
		await type(ready);
		problems.push(...(await others.stop()));
		expect(problems).toEqual([]);
		expect(others.done()).toBeGreaterThan(20);

		await typeAll('With a reviewer', 'docs/vault-setup.md');
		await typeAll('Let pods in');
		const shown = await typeAll('Try it');
		expect(shown.join('')).toContain('name: envtier-fetch');
		const { pod, log } = await runPod(cluster, 'shop', {
			metadata: {
				name: 'first',
				annotations: { 'envtier.dev/deployment': 'shop', 'envtier.dev/service': 'web' },
			},
			spec: { serviceAccountName: 'web', containers: [sh('. /secrets/env; echo "$GREETING"')] },
		});
		expect(log).toBe('hello\n');
		expect(pod.spec?.initContainers?.[0]?.image).toBe('registry.example.com/envtier-fetcher:0.1.0');
	}, 300_000);

	test('upgrading, and going back, refuses no pod; pods made from then on get the new fetcher', async () => {
		const namespace = await cluster.createNamespace();
		const fetcher = async () => (await tryPod(cluster, namespace)).body.spec?.initContainers?.[0]?.image;
		const pods = flow(() => refusalOf(cluster, namespace));
		for (const version of [VERSIONS.second, VERSIONS.first]) {
			await choose(version);
			await typeAll('Upgrade');
			const { body } = await cluster.request<V1Deployment>('GET', DEPLOYMENT);
			const image = body.spec?.template.spec?.containers[0]?.image;
			expect(image).toBe(`registry.example.com/envtier-webhook:${version}`);
			await until('the fetcher of that version', async () => (await fetcher())?.endsWith(`:${version}`));
		}
		expect(await pods.stop()).toEqual([]);
		expect(pods.done()).toBeGreaterThan(50);
	}, 300_000);
});
