import type { V1Container } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { createPod, MAIN, secretMounts } from '../../support/kubernetes/pods.ts';
import { runPod } from '../../support/kubernetes/run-pod.ts';
import { startSidecarWebhook } from '../../support/kubernetes/sidecar-webhook.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { until } from '../../support/until.ts';
import { makeTenant } from './support/tenant.ts';

interface Mesh {
	/** The letter that its webhook configuration’s name begins with; ours begins with an "e". */
	readonly letter: 'a' | 'z';
	readonly sidecar: Pick<V1Container, 'command' | 'restartPolicy'>;
	/**
	 * Minimum number of calls of the API server: it also calls again when one of its own plugins changes the
	 * pod.
	 */
	readonly rounds: number;
	readonly initContainers: readonly string[];
	/** Who mounts the secrets. */
	readonly mounts: readonly string[];
}

const sh = (script: string) => ({ command: ['sh', '-ec', script] });
/** Ends with an error, and its pod fails, unless it finds the secrets or finds none. */
const READS = sh('. /secrets/env; test "$LEVEL" = debug');
const FINDS_NONE = sh('test ! -e /secrets');
const NATIVE = { ...sh('test ! -e /secrets; exec sleep 3600'), restartPolicy: 'Always' };

const MESHES: Readonly<Record<string, Mesh>> = {
	'a sidecar added before us gets the secrets like every container': {
		...{ letter: 'a', sidecar: READS, rounds: 1 },
		...{ initContainers: ['envtier-fetch'], mounts: ['main', 'mesh'] },
	},
	'a sidecar added after us makes the API server ask again; it gets no secrets, and nothing is added twice': {
		...{ letter: 'z', sidecar: FINDS_NONE, rounds: 2 },
		...{ initContainers: ['envtier-fetch'], mounts: ['main'] },
	},
	'a native sidecar added before us starts after the fetcher': {
		...{ letter: 'a', sidecar: NATIVE, rounds: 1 },
		...{ initContainers: ['envtier-fetch', 'mesh'], mounts: ['main'] },
	},
	'a native sidecar that is put before the fetcher makes the API server ask again; the pod is as good as any':
		{
			...{ letter: 'z', sidecar: NATIVE, rounds: 2 },
			...{ initContainers: ['mesh', 'envtier-fetch'], mounts: ['main'] },
		},
};

describeWithNode('beside another webhook', (servers) => {
	const { cluster, prefix, nodeIp } = servers;

	test.concurrent.for(Object.entries(MESHES))('%s', async ([, mesh]) => {
		const { letter, initContainers, mounts, rounds } = mesh;
		const tenant = await makeTenant(servers);
		const { namespace } = tenant;
		const busybox = { ...MAIN, image: 'localhost/busybox:1' };
		const webhook = await startSidecarWebhook(cluster, {
			...{ name: `${letter}-mesh-${namespace}`, namespace, inside: { prefix, host: nodeIp } },
			sidecar: { ...busybox, name: 'mesh', ...mesh.sidecar },
		});
		try {
			const main = { ...busybox, ...sh('. /secrets/env; echo "$LEVEL"') };
			const { pod, log } = await runPod(cluster, namespace, tenant.pod({ containers: [main] }));
			expect([pod.status?.phase, log]).toEqual(['Succeeded', 'debug\n']);
			expect(pod.spec?.initContainers?.map(({ name }) => name)).toEqual(initContainers);
			expect(Object.keys(secretMounts(pod)).sort()).toEqual(mounts);
			expect(pod.spec?.volumes?.filter(({ name }) => name.startsWith('envtier-'))).toHaveLength(2);
			const event = await until('the audit event', async () =>
				(await cluster.auditEvents()).find(
					({ objectRef, requestURI, verb }) =>
						verb === 'create' && objectRef?.namespace === namespace && !requestURI.includes('dryRun'),
				),
			);
			const asked = Object.entries(event.annotations ?? {}).filter(
				([key, value]) =>
					key.startsWith('mutation.webhook.admission.k8s.io/') && value.includes('inject.envtier.dev'),
			);
			expect(asked.length).toBeGreaterThanOrEqual(rounds);
			// What it made can be made again from its own YAML.
			const { metadata, spec } = pod;
			const copy = {
				metadata: { name: 'copy', annotations: metadata?.annotations ?? {} },
				...(spec && { spec }),
			};
			const again = await createPod(cluster, namespace, copy, 'dryRun=All');
			expect(again.body.spec?.initContainers?.map(({ name }) => name)).toEqual(initContainers);
		} finally {
			await webhook.stop();
		}
	});
});
