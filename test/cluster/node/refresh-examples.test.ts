import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { V1Deployment, V1Job, V1StatefulSet } from '@kubernetes/client-node';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { putSecret } from '../../support/openbao-setup.ts';
import { startPostgres } from '../../support/postgres.ts';
import { startProcess } from '../../support/process.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { create, podsOf, replicasOf, untilLogged } from './support/observe.ts';
import { makeTenant, type Tenant } from './support/tenant.ts';
import { blocksUnder, typingAs } from './support/walkthrough.ts';

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

	test('examples/refresh-statefulset.yaml: no query fails while users change, with the commands of the page', async () => {
		const tenant = await makeTenant(servers);
		const { namespace } = tenant;
		await using database = await startPostgres({
			log: 'entries',
			host: servers.nodeIp,
			start: ({ command, args = [], ...more }) =>
				startProcess({
					...more,
					command: servers.prefix[0] ?? command,
					args: [...servers.prefix.slice(1), command, ...args],
				}),
		});
		await using place = await scratch('statefulset');
		const administrator = await servers.vaultAdministrator();
		const vaultCli = administrator['VAULT_CLI'] ?? '';
		const type = await typingAs({ dir: place.dir, programs: { vault: vaultCli }, env: administrator });
		const address = `${database.host}:${database.port}/postgres`;
		const replacements = {
			// A mount and a role of this test's own.
			'secrets enable database': `secrets enable -path=${namespace} database`,
			'database/': `${namespace}/`,
			'role shop_web --namespace shop': `role ${namespace}_web --namespace ${namespace}`,
			'--deployment shop': `--org acme --deployment ${namespace}`,
			'db.shop.svc:5432/shop': address,
			'username=vault password=…': `username=${database.superuser.user} password=${database.superuser.password}`,
			// Users that end while the test looks.
			'default_ttl=1h max_ttl=24h': 'default_ttl=20s max_ttl=60s',
		};
		const heading = 'Leases: secrets of a pod’s own';
		const [commands = ''] = blocksUnder(['docs/refreshing.md', heading], 'sh', replacements);
		await type(commands);

		const bundle = await build({
			entryPoints: [join(EXAMPLES, 'refresh-pool.mjs')],
			...{ bundle: true, write: false, minify: true, platform: 'node', format: 'esm' },
			external: ['pg-native', 'cloudflare:sockets'],
			banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
		});
		const program = { 'refresh-pool.mjs': bundle.outputFiles[0]?.text ?? '' };
		await create(cluster, `/api/v1/namespaces/${namespace}/configmaps`, {
			...{ metadata: { name: 'program' }, data: program },
		});
		const text = readFileSync(join(EXAMPLES, 'refresh-statefulset.yaml'), 'utf8');
		const shown = Object.entries(replacements).reduce((all, [from, to]) => all.replaceAll(from, to), text);
		const object = parse(shown.replace('deployment: shop', `deployment: ${namespace}`)) as V1StatefulSet & {
			spec: { template: { spec: { containers: object[] } } };
		};
		const [main] = object.spec.template.spec.containers;
		// The image of the webhook has Node.
		const image = (await replicasOf(cluster))[0]?.spec?.containers[0]?.image ?? '';
		object.spec.template.spec.volumes = [{ name: 'program', configMap: { name: 'program' } }];
		object.spec.template.spec.containers = [
			{
				...{ name: 'main', ...main, image },
				volumeMounts: [{ name: 'program', mountPath: '/app' }],
				env: [{ name: 'MAX_LIFETIME_SECONDS', value: '5' }],
			},
		];
		await create(cluster, `/apis/apps/v1/namespaces/${namespace}/statefulsets`, object);

		/** The users of the queries of a pod, in order. */
		const users = async (pod: string): Promise<readonly string[]> => {
			const { stdout } = await kubectl('logs', '-n', namespace, pod, '-c', 'main');
			expect(stdout).not.toContain('failed');
			return [...new Set([...stdout.matchAll(/^query as (v-\S+)$/gm)].map(([, user]) => user ?? ''))];
		};
		const both = await until(
			'three users of each pod',
			async () => {
				const seen = await Promise.all(['web-0', 'web-1'].map(users));
				return seen.every((one) => one.length >= 3) ? seen.flat() : undefined;
			},
			{ timeoutMs: 210_000, everyMs: 1_000 },
		);
		expect(new Set(both).size).toBe(both.length);
		const pods = await podsOf(cluster, namespace);
		expect(pods.map(({ status }) => status?.containerStatuses?.[0]?.restartCount)).toEqual([0, 0]);
		await kubectl('delete', '-n', namespace, 'statefulset/web');
		const left = async () => await database.sql(`SELECT 1 FROM pg_roles WHERE rolname LIKE 'v-%'`);
		await until('the end of all users', async () => (await left()).length === 0, { timeoutMs: 90_000 });
		const refused = (await database.entries()).filter(
			({ user = '', error_severity }) => user.startsWith('v-') && error_severity === 'FATAL',
		);
		expect(refused).toEqual([]);
		await type(`vault secrets disable ${namespace}`);
	}, 420_000);
});
