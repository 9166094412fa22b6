import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mountDatabase, writeDatabaseRole } from '../../fetcher/support/leases.ts';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { MAIN } from '../../support/kubernetes/pods.ts';
import { untilReady } from '../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { type Postgres, startPostgres } from '../../support/postgres.ts';
import { startProcess } from '../../support/process.ts';
import { until } from '../../support/until.ts';
import { create, podsOf, untilLogged } from './support/observe.ts';
import { makeTenant, type Tenant } from './support/tenant.ts';

const sh = (script: string) => ({ ...MAIN, image: 'localhost/busybox:1', command: ['sh', '-ec', script] });

/** Prints the user of each read, and takes 20 s to end. */
const SLOW_TO_END = `
trap 'echo draining; i=0; while [ $i -lt 20 ]; do sleep 1; i=$((i + 1)); . /secrets/env; done; echo "drained $DB_USERNAME"; exit 0' TERM
. /secrets/env
echo "user $DB_USERNAME"
while :; do sleep 1 & wait $! || true; done
`;

/** A machine under load takes its time. */
const LIMIT = { timeoutMs: 110_000, everyMs: 200 } as const;

const ANNOTATIONS = {
	'lease.DB': 'database/creds/node',
	'compose.DATABASE_URL': `postgres://\${DB_USERNAME:url}:\${DB_PASSWORD:url}@db/shop`,
	require: 'DATABASE_URL',
};

const statusOf = (pod: V1Pod, name: string): V1ContainerStatus | undefined =>
	[...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find(
		(one) => one.name === name,
	);

/** The process of a namespace's sidecar, as this machine sees it. */
function sidecarOf(namespace: string): number | undefined {
	return readdirSync('/proc')
		.filter((name) => /^[0-9]+$/.test(name))
		.map(Number)
		.find((pid) => {
			try {
				const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
				return (
					variables.includes(`ENVTIER_DEPLOYMENT=${namespace}`) && variables.includes('ENVTIER_MODE=refresh')
				);
			} catch {
				// It has ended, or belongs to the kernel.
				return false;
			}
		});
}

describeWithNode('a pod with a lease', (servers) => {
	const { cluster, vault, nodeIp, prefix } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster);
	let database: Postgres;
	beforeAll(async () => {
		database = await startPostgres({
			log: true,
			host: nodeIp,
			start: ({ command, args = [], ...more }) =>
				startProcess({
					...more,
					command: prefix[0] ?? command,
					args: [...prefix.slice(1), command, ...args],
				}),
		});
		await mountDatabase(vault, database);
		await writeDatabaseRole(vault, 'node', { ttl: '20s', max: '24h' });
	}, 600_000);
	afterAll(() => database[Symbol.asyncDispose]());

	const tenant = (): Promise<Tenant> =>
		makeTenant(servers, { role: ['--service', 'web', '--refresh', '--lease', 'database/creds/node'] });
	const rolesOfTest = async (user: string): Promise<readonly unknown[]> =>
		await database.sql(`SELECT rolname FROM pg_roles WHERE rolname = '${user}'`);
	const isGone = (user: string) =>
		until(`the end of ${user}`, async () => (await rolesOfTest(user)).length === 0, LIMIT);

	/** Starts a pod, and gives the user that it has read. */
	async function start({ namespace, pod }: Tenant): Promise<string> {
		const spec = { containers: [sh(SLOW_TO_END)], terminationGracePeriodSeconds: 60 };
		await create(cluster, `/api/v1/namespaces/${namespace}/pods`, pod(spec, ANNOTATIONS));
		await untilReady(cluster, namespace, 'app');
		const log = await untilLogged(kubectl, namespace, ['app', '-c', 'main'], 'user v-');
		return /user (v-\S+)/.exec(log)?.[1] ?? '';
	}

	test('keeps its credentials while it drains for 20 s, and they are gone afterwards', async () => {
		const mine = await tenant();
		const { namespace } = mine;
		const user = await start(mine);
		await kubectl('delete', 'pod', 'app', '-n', namespace, '--wait=false');
		const seen: number[] = [];
		const log = await until(
			'the end of the drain',
			async () => {
				const roles = await rolesOfTest(user);
				const { stdout } = await kubectl('logs', '-n', namespace, 'app', '-c', 'main');
				if (stdout.includes('drained')) return stdout;
				// The container still drained when the role was looked up.
				if (stdout.includes('draining')) seen.push(roles.length);
				return undefined;
			},
			LIMIT,
		);
		expect(log).toContain(`drained ${user}`);
		expect([...new Set(seen)]).toEqual([1]);
		expect(seen.length).toBeGreaterThan(5);
		await isGone(user);
	});

	test('whose sidecar is killed by SIGKILL keeps its role beyond the time to live', async () => {
		const mine = await tenant();
		const { namespace } = mine;
		const user = await start(mine);
		const pid = await until('the process of the sidecar', () => sidecarOf(namespace), LIMIT);
		process.kill(pid, 'SIGKILL');
		const restarted = async () => {
			const [pod] = await podsOf(cluster, namespace);
			const sidecar = pod === undefined ? undefined : statusOf(pod, 'envtier-refresh');
			return sidecar?.restartCount === 1 && sidecar.state?.running !== undefined;
		};
		await until('the restart of the sidecar', restarted, LIMIT);
		const [row] = await database.sql(`SELECT rolvaliduntil FROM pg_roles WHERE rolname = '${user}'`);
		const before = String(row?.['rolvaliduntil']);
		// A renewal by the second process moves the end.
		await until(
			'two renewals',
			async () => {
				const [now] = await database.sql(
					`SELECT rolvaliduntil > '${new Date(before).toISOString()}'::timestamptz + interval '15 s' AS later FROM pg_roles WHERE rolname = '${user}'`,
				);
				return now?.['later'];
			},
			LIMIT,
		);
		const [pod] = await podsOf(cluster, namespace);
		expect(statusOf(pod ?? {}, 'main')?.restartCount).toBe(0);
		await kubectl('delete', 'pod', 'app', '-n', namespace, '--grace-period=1');
		await isGone(user);
	});

	test('of a Job completes within 3 s of its main container, and its lease is gone', async () => {
		const mine = await tenant();
		const { namespace } = mine;
		const containers = [
			sh('. /secrets/env; echo "user $DB_USERNAME"; echo "$DATABASE_URL" | grep -q @db/shop'),
		];
		const template = mine.template({ containers, restartPolicy: 'Never' }, ANNOTATIONS);
		await create(cluster, `/apis/batch/v1/namespaces/${namespace}/jobs`, {
			metadata: { name: 'job' },
			spec: { template, backoffLimit: 0 },
		});
		const wait = ['wait', '-n', namespace, 'job/job', '--for=condition=complete', '--timeout=5s'];
		await until('the Job to be complete', async () => (await kubectl(...wait)).code === 0, LIMIT);
		const [pod = {}] = await podsOf(cluster, namespace);
		const end = (name: string): number =>
			new Date(statusOf(pod, name)?.state?.terminated?.finishedAt ?? 0).getTime();
		expect(end('envtier-refresh') - end('main')).toBeLessThanOrEqual(3_000);
		expect(statusOf(pod, 'envtier-refresh')?.state?.terminated?.exitCode).toBe(0);
		const log = await untilLogged(kubectl, namespace, ['job/job', '-c', 'main'], 'user v-');
		await isGone(/user (v-\S+)/.exec(log)?.[1] ?? '');
	});
});
