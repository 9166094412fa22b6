import type { V1Container } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { MAIN } from '../../support/kubernetes/pods.ts';
import { runPod } from '../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { seal } from '../../support/openbao-setup.ts';
import { untilLogged } from './support/observe.ts';
import { makeTenant } from './support/tenant.ts';

const IMAGE = 'localhost/busybox:1';

describeWithNode('ways of consuming secrets, on a real kubelet', (servers) => {
	const { cluster, vault } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster);

	test('wrapped containers with a part each, composed and sealed values, and dollar signs all the way', async () => {
		const tenant = await makeTenant(servers, {
			secrets: { PASSWORD: 'p@ss$(HOME)w:rd' },
			role: ['--service', 'web', '--sealed'],
		});
		await servers.setupVault('sealing', '--namespace', tenant.namespace);
		const place = { namespace: tenant.namespace, deployment: tenant.namespace };
		const print = 'printf "%s|" "$0" "$@" "$URL" "${TOKEN-none}" "${PASSWORD-none}"';
		const main: V1Container = {
			...MAIN,
			image: IMAGE,
			env: [{ name: 'NAME', value: 'the-name' }],
			command: ['sh', '-ec', print, '$(NAME)'],
			args: ["it's", '$$(NAME)', '$(NOBODY)'],
		};
		const other = { ...main, name: 'other', args: [] };
		const pod = tenant.pod(
			{ containers: [main, other] },
			{
				wrap: 'true',
				'compose.URL': 'db://${LEVEL}:${PASSWORD:url}@$$HOME/$$(NAME)',
				'sealed.SECRET_TOKEN': await seal(vault, 'opened', 'deployment', place),
				keys: 'URL',
				'keys.other': 'TOKEN=SECRET_TOKEN, PASSWORD',
			},
		);
		const { log } = await runPod(cluster, tenant.namespace, pod);
		expect(log).toBe(
			"the-name|it's|$(NAME)|$(NOBODY)|db://debug:p%40ss%24%28HOME%29w%3Ard@$HOME/$(NAME)|none|none|",
		);
		await untilLogged(kubectl, tenant.namespace, ['app', '-c', 'other'], 'the-name||opened|p@ss$(HOME)w:rd|');
	});

	test('a wrapped container whose image has no shell does not start, and the kubelet says why', async () => {
		const tenant = await makeTenant(servers);
		const main: V1Container = { ...MAIN, image: IMAGE, command: ['true'] };
		const first = tenant.pod({ containers: [main] });
		const { pod: other } = await runPod(cluster, tenant.namespace, {
			...first,
			metadata: { ...first.metadata, name: 'other' },
		});
		// The fetcher's own image holds Node and nothing else.
		const image = other.spec?.initContainers?.find(({ name }) => name === 'envtier-fetch')?.image ?? '';
		const pod = tenant.pod({ containers: [{ ...main, image, command: ['node'] }] }, { wrap: 'true' });
		const { pod: ended } = await runPod(cluster, tenant.namespace, pod);
		const state = ended.status?.containerStatuses?.[0]?.state?.terminated;
		expect(state?.reason).toBe('StartError');
		expect(state?.message).toContain('exec: "sh": executable file not found in $PATH');
	});
});
