import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { V1Deployment, V1Job } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { putSecret } from '../../support/openbao-setup.ts';
import { until } from '../../support/until.ts';
import { create, untilLogged } from './support/observe.ts';
import { makeTenant, type Tenant } from './support/tenant.ts';

const EXAMPLES = join(import.meta.dirname, '../../../examples');

/** The example as it is, but with the tenant's names, the node's image, and the shortest period. */
function example<T extends V1Deployment | V1Job>(file: string, tenant: Tenant): T {
	const object = parse(readFileSync(join(EXAMPLES, file), 'utf8')) as T;
	const template = object.spec?.template;
	if (template?.spec === undefined) throw new Error(`${file} has no pod template`);
	const {
		'envtier.dev/deployment': _,
		'envtier.dev/refresh': period,
		...rest
	} = template.metadata?.annotations ?? {};
	expect(period).toBe('true');
	template.metadata = {
		...template.metadata,
		annotations: { ...tenant.annotations({ refresh: '10s' }), ...rest },
	};
	template.spec.serviceAccountName = tenant.account;
	template.spec.terminationGracePeriodSeconds = 1;
	for (const container of template.spec.containers) container.image = 'localhost/busybox:1';
	return object;
}

describeWithNode('the examples of docs/refreshing.md', (servers) => {
	const { cluster, vault } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster);
	const start = async () => await makeTenant(servers, { secrets: { LOG_LEVEL: 'info' } });
	const change = ({ namespace }: Tenant, value: string) =>
		putSecret(vault, `deployments/${namespace}/secrets/LOG_LEVEL`, value);

	test.each([
		['refresh-watcher.yaml', 'deployment/watcher', 'now LOG_LEVEL=debug'],
		['refresh-signal.yaml', 'deployment/proxy', 'now LOG_LEVEL=debug'],
		[
			'refresh-http.yaml',
			'deployment/service',
			'now LOG_LEVEL=debug after {"keys":["LOG_LEVEL"],"revision":"v1:',
		],
	])('examples/%s: the running application gets the new value', async (file, name, now) => {
		const tenant = await start();
		const { namespace } = tenant;
		const deployment = example<V1Deployment>(file, tenant);
		await create(cluster, `/apis/apps/v1/namespaces/${namespace}/deployments`, deployment);
		await untilLogged(kubectl, namespace, [name, '-c', 'main'], 'started with LOG_LEVEL=info');
		await change(tenant, 'debug');
		await untilLogged(kubectl, namespace, [name, '-c', 'main'], now);
		const { stdout } = await kubectl(
			...['get', 'pods', '-n', namespace, '-o'],
			'jsonpath={.items[*].status.containerStatuses[*].restartCount}',
		);
		expect(stdout).toBe('0');
		await kubectl('delete', '-n', namespace, name, '--wait=false');
	});

	test('examples/refresh-job.yaml: the job goes on with the new value, and completes', async () => {
		const tenant = await start();
		const { namespace } = tenant;
		const path = `/apis/batch/v1/namespaces/${namespace}/jobs`;
		await create(cluster, path, example<V1Job>('refresh-job.yaml', tenant));
		await untilLogged(kubectl, namespace, ['job/migration', '-c', 'main'], 'step 1 with LOG_LEVEL=info');
		await change(tenant, 'done');
		await until(
			'the job to complete',
			async () => {
				const { body } = await cluster.request<V1Job>('GET', `${path}/migration`);
				return body.status?.succeeded === 1;
			},
			{ timeoutMs: 110_000, everyMs: 500 },
		);
		await untilLogged(kubectl, namespace, ['job/migration', '-c', 'main'], 'with LOG_LEVEL=done');
	});
});
