import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { REQUEST_ANNOTATION } from '../../../contract/names.ts';
import { envtier } from '../../cli/support/command.ts';
import { openShell, runExamples } from '../../cli/support/examples.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { createPod, MAIN, podOf } from '../../support/kubernetes/pods.ts';
import { describeWithServers } from '../../support/servers.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const MERGE = { contentType: 'application/merge-patch+json' };

describeWithServers('envtier refresh on a cluster', ({ cluster }) => {
	let namespace: string;
	const files: string[] = [];
	beforeAll(async () => {
		namespace = await cluster.createNamespace();
		for (const name of ['web-0', 'web-1', 'web-starting']) await addPod(name, 'true');
		await addPod('web-plain', undefined);
		for (const name of ['web-0', 'web-1']) await setRunning(name);
		const selector = { matchLabels: { app: 'web' } };
		const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [MAIN] } };
		const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
		const body = { metadata: { name: 'web' }, spec: { replicas: 0, selector, template } };
		expectStatus(await cluster.request('POST', path, body), 201, 'creating the deployment');
		const lone = {
			metadata: { name: 'lone' },
			spec: { ...body.spec, selector: { matchLabels: { app: 'lone' } } },
		};
		const labelled = { ...template, metadata: { labels: { app: 'lone' } } };
		const alone = { ...lone, spec: { ...lone.spec, template: labelled } };
		expectStatus(await cluster.request('POST', path, alone), 201, 'creating the other deployment');
	});
	afterAll(async () => {
		for (const file of files) await rm(file, { force: true });
	});

	async function addPod(name: string, refresh: string | undefined): Promise<void> {
		const envtierAnnotations = { deployment: 'shop', ...(refresh === undefined ? {} : { refresh }) };
		const pod = podOf({ name, envtier: envtierAnnotations });
		const labelled = { ...pod, metadata: { ...pod.metadata, labels: { app: 'web' } } };
		expectStatus(await createPod(cluster, namespace, labelled), 201, `creating ${name}`);
	}

	/** No kubelet runs here. */
	async function setRunning(name: string): Promise<void> {
		const running = { running: { startedAt: new Date().toISOString() } };
		const common = { image: 'i', imageID: 'i', ready: true, restartCount: 0, state: running };
		const status = { phase: 'Running', initContainerStatuses: [{ name: 'envtier-refresh', ...common }] };
		const path = `/api/v1/namespaces/${namespace}/pods/${name}/status`;
		expectStatus(await cluster.request('PATCH', path, { status }, MERGE), 200, `starting ${name}`);
	}

	const requestOf = async (name: string): Promise<string | undefined> => {
		const { body } = await cluster.request<V1Pod>('GET', `/api/v1/namespaces/${namespace}/pods/${name}`);
		return body.metadata?.annotations?.[REQUEST_ANNOTATION];
	};

	/** A kubeconfig of a service account that may do this with pods and get deployments. */
	async function kubeconfigWith(verbs: readonly string[]): Promise<string> {
		const name = `someone-${randomUUID().slice(0, 8)}`;
		await cluster.createServiceAccount(namespace, name);
		const rules = [
			{ apiGroups: [''], resources: ['pods'], verbs },
			{ apiGroups: ['apps'], resources: ['deployments'], verbs: ['get'] },
		];
		const at = `${RBAC}/namespaces/${namespace}`;
		expectStatus(await cluster.request('POST', `${at}/roles`, { metadata: { name }, rules }), 201, 'role');
		const subjects = [{ kind: 'ServiceAccount', name, namespace }];
		const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
		const binding = { metadata: { name }, subjects, roleRef };
		expectStatus(await cluster.request('POST', `${at}/rolebindings`, binding), 201, 'role binding');
		return await kubeconfigOf(await cluster.token(namespace, name));
	}

	async function kubeconfigOf(token: string, server = cluster.url): Promise<string> {
		const file = join(tmpdir(), `envtier-${randomUUID()}.kubeconfig`);
		files.push(file);
		const ca = Buffer.from(cluster.caPem).toString('base64');
		const config = {
			apiVersion: 'v1',
			kind: 'Config',
			clusters: [{ name: 'one', cluster: { server, 'certificate-authority-data': ca } }],
			users: [{ name: 'one', user: { token } }],
			contexts: [{ name: 'one', context: { cluster: 'one', user: 'one', namespace } }],
			'current-context': 'one',
		};
		await writeFile(file, stringify(config), { mode: 0o600 });
		return file;
	}

	const ALL = ['get', 'list', 'patch'] as const;

	test('asks the running sidecars of a workload, and says why the other pods are left', async () => {
		const file = await kubeconfigWith(ALL);
		const before = Date.now();
		// The namespace is that of the context.
		const { code, stdout, stderr } = await envtier([
			'refresh',
			'--kubeconfig',
			file,
			'deployment/web',
			'--output',
			'json',
		]);
		expect([code, stderr]).toEqual([0, '']);
		const result = JSON.parse(stdout);
		expect(result).toEqual({
			namespace,
			request: expect.any(String),
			pods: [
				{ name: 'web-0', result: 'requested' },
				{ name: 'web-1', result: 'requested' },
				{ name: 'web-plain', result: 'skipped', why: expect.stringContaining('envtier.dev/refresh') },
				{ name: 'web-starting', result: 'skipped', why: 'its sidecar does not run' },
			],
		});
		expect(Date.parse(result.request)).toBeGreaterThanOrEqual(before);
		expect(await requestOf('web-0')).toBe(result.request);
		expect(await requestOf('web-1')).toBe(result.request);
		expect(await requestOf('web-plain')).toBeUndefined();
		expect(await requestOf('web-starting')).toBeUndefined();
	});

	test('the examples of docs/cli.md ask a workload, and a pod', async () => {
		await using shell = await openShell();
		const env = { KUBECONFIG: await kubeconfigWith(ALL) };
		await runExamples('envtier refresh', async (line) => {
			const before = await requestOf('web-0');
			const { code, stderr } = await shell.run(line.replace(' -n shop ', ` -n ${namespace} `), env);
			expect([code, stderr], line).toEqual([0, '']);
			expect(await requestOf('web-0')).not.toBe(before);
		});
	});

	test('needs no right to list pods for one pod', async () => {
		const file = await kubeconfigWith(['get', 'patch']);
		const args = ['refresh', '--kubeconfig', file, '-n', namespace, 'pod/web-0'];
		const { code, stdout } = await envtier(args);
		expect([code, stdout]).toEqual([0, 'POD    RESULT     WHY\nweb-0  requested\n']);
	});

	test('fails without the right to patch pods, and changes nothing', async () => {
		const before = await requestOf('web-0');
		const file = await kubeconfigWith(['get', 'list']);
		const { code, stdout, stderr } = await envtier(['refresh', '--kubeconfig', file, 'deploy/web']);
		expect(code).toBe(1);
		expect(stdout).toMatch(/^web-0 +failed +you may not patch it: pods "web-0" is forbidden/m);
		expect(stderr).toBe('error: 2 of 4 pods could not be asked\n');
		expect(await requestOf('web-0')).toBe(before);
	});

	test.each([
		[
			'may not list pods',
			['get', 'patch'],
			'deployment/web',
			5,
			/you may not list the pods of the deployment/,
		],
		['may not get the pod', ['patch'], 'pod/web-0', 5, /you may not get the pod/],
		['names a workload that is not there', ALL, 'deployment/nowhere', 6, /"nowhere" not found/],
		['names a pod that is not there', ALL, 'pod/nowhere', 6, /"nowhere" not found/],
		['names a pod without a sidecar', ALL, 'pod/web-plain', 1, /no pod of pod\/web-plain .* has a running/],
		['names a workload without pods', ALL, 'deployment/lone', 1, /deployment\/lone has no pods in namespace/],
	] as const)('someone who %s gets a clear error', async (_who, verbs, target, expected, message) => {
		const file = await kubeconfigWith(verbs);
		const { code, stderr } = await envtier(['refresh', '--kubeconfig', file, target]);
		expect(stderr).toMatch(message);
		expect(code).toBe(expected);
	});

	test('credentials that are refused and a server that is away have their own exit codes', async () => {
		const stranger = await envtier(['refresh', '--kubeconfig', await kubeconfigOf('no-token'), 'pod/web-0']);
		expect(stranger.stderr).toContain('the API server does not accept the credentials');
		expect(stranger.code).toBe(5);
		const dead = await kubeconfigOf('no-token', 'https://127.0.0.1:1');
		const away = await envtier(['refresh', '--kubeconfig', dead, 'pod/web-0']);
		expect(away.code).toBe(8);
	});
});
