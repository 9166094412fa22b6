import { expect, test } from 'vitest';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { MAIN } from '../../support/kubernetes/pods.ts';
import { runPod, untilReady } from '../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../support/node-servers.ts';

const BUSYBOX = { ...MAIN, image: 'localhost/busybox:1' };
const sh = (script: string) => ({ ...BUSYBOX, command: ['sh', '-ec', script] });

describeWithNode('the node that the cluster tests run on', ({ cluster, vaultInside, kubectl }) => {
	test('runs a pod as the user that it names, in a namespace that enforces Pod Security "restricted"', async () => {
		const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
		const namespace = await cluster.createNamespace({ labels });
		const { pod, log } = await runPod(cluster, namespace, {
			metadata: { name: 'who' },
			spec: { containers: [sh('id -u; id -g')] },
		});
		expect(pod.status?.phase).toBe('Succeeded');
		expect(log).toBe('1000\n0\n');
	});

	test('hands what an init container wrote into memory to the main container, which can’t write there', async () => {
		const namespace = await cluster.createNamespace();
		const volumes = [{ name: 'shared', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }];
		const mount = { name: 'shared', mountPath: '/shared' };
		const { log } = await runPod(cluster, namespace, {
			metadata: { name: 'handover' },
			spec: {
				volumes,
				initContainers: [
					{ ...sh('umask 077; echo told > /shared/secret'), name: 'init', volumeMounts: [mount] },
				],
				containers: [
					{
						...sh('stat -c %a:%u /shared/secret; cat /shared/secret; touch /shared/x 2>&1 || true'),
						volumeMounts: [{ ...mount, readOnly: true }],
					},
				],
			},
		});
		expect(log).toBe('600:1000\ntold\ntouch: /shared/x: Read-only file system\n');
	});

	test('gives a projected token of the audience that was asked for', async () => {
		const namespace = await cluster.createNamespace();
		const serviceAccountToken = { audience: 'vault', expirationSeconds: 600, path: 'token' };
		const { log } = await runPod(cluster, namespace, {
			metadata: { name: 'token' },
			spec: {
				volumes: [{ name: 'token', projected: { sources: [{ serviceAccountToken }] } }],
				containers: [
					{
						// The claims alone: the signature is what makes it a credential.
						...sh('cut -d. -f2 /token/token'),
						volumeMounts: [{ name: 'token', mountPath: '/token' }],
					},
				],
			},
		});
		const claims = JSON.parse(Buffer.from(log.trim(), 'base64url').toString()) as object;
		expect(claims).toMatchObject({
			aud: ['vault'],
			sub: `system:serviceaccount:${namespace}:default`,
			'kubernetes.io': { pod: { name: 'token' } },
		});
	});

	test('turns lines of a file into environment variables (fileKeyRef)', async () => {
		const namespace = await cluster.createNamespace();
		const { log } = await runPod(cluster, namespace, {
			metadata: { name: 'env' },
			spec: {
				volumes: [{ name: 'files', emptyDir: {} }],
				initContainers: [
					{
						...sh(`printf "GREETING='hello world'\\n" > /files/env`),
						name: 'init',
						volumeMounts: [{ name: 'files', mountPath: '/files' }],
					},
				],
				containers: [
					{
						...sh('echo "$SALUTE"'),
						env: [
							{
								name: 'SALUTE',
								valueFrom: { fileKeyRef: { volumeName: 'files', path: 'env', key: 'GREETING' } },
							},
						],
					},
				],
			},
		});
		expect(log).toBe('hello world\n');
	});

	test('pods find each other, and OpenBao, by the names of their Services', async () => {
		const namespace = await cluster.createNamespace();
		const path = `/api/v1/namespaces/${namespace}`;
		const server = await cluster.request('POST', `${path}/pods`, {
			metadata: { name: 'server', labels: { app: 'server' } },
			spec: {
				terminationGracePeriodSeconds: 1,
				containers: [sh('while true; do printf "HTTP/1.0 200 OK\\r\\n\\r\\nserved" | nc -l -p 8080; done')],
			},
		});
		expectStatus(server, 201, 'creating the server');
		const service = await cluster.request('POST', `${path}/services`, {
			metadata: { name: 'server' },
			spec: { selector: { app: 'server' }, ports: [{ port: 80, targetPort: 8080 }] },
		});
		expectStatus(service, 201, 'creating the Service');
		await untilReady(cluster, namespace, 'server');
		const vault = new URL(vaultInside);
		// A static busybox has no resolver but that of nslookup.
		const address = `address() { nslookup "$1.cluster.local" | sed -n 's/^Address: \\([0-9.]*\\)$/\\1/p'; }`;
		const { log } = await runPod(cluster, namespace, {
			metadata: { name: 'client' },
			spec: {
				containers: [
					sh(
						`${address}; until nc -w 2 "$(address server.${namespace}.svc)" 80 </dev/null | grep -o served; do sleep 0.2; done; nc -w 5 "$(address ${vault.hostname})" ${vault.port} </dev/null && echo vault`,
					),
				],
			},
		});
		expect(log).toBe('served\nvault\n');
	});

	test('kubectl reaches into a pod: logs, exec', async () => {
		const namespace = await cluster.createNamespace();
		const made = await cluster.request('POST', `/api/v1/namespaces/${namespace}/pods`, {
			metadata: { name: 'long' },
			spec: { terminationGracePeriodSeconds: 1, containers: [sh('echo started; sleep 600')] },
		});
		expectStatus(made, 201, 'creating the pod');
		await untilReady(cluster, namespace, 'long');
		const run = kubectlFor(kubectl, cluster);
		expect((await run('logs', '-n', namespace, 'long')).stdout).toBe('started\n');
		expect((await run('exec', '-n', namespace, 'long', '--', 'id', '-u')).stdout).toBe('1000\n');
	});
});
