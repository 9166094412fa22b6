import type { V1Pod, V1PodSpec } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { blocksOf, pageOf, sectionUnder } from '../../docs/support/pages.ts';
import { mountDatabase, rolesOf, writeDatabaseRole } from '../../fetcher/support/leases.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { createPod } from '../../support/kubernetes/pods.ts';
import { untilReady } from '../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { type Postgres, startPostgres } from '../../support/postgres.ts';
import { startProcess } from '../../support/process.ts';
import { until } from '../../support/until.ts';
import { connectingApplication } from './support/connecting-application.ts';
import { replicasOf, untilLogged } from './support/observe.ts';
import { makeTenant } from './support/tenant.ts';

/** A life of the lease, the spread, and a restart, on a busy machine. */
const LIMIT = { timeoutMs: 180_000, everyMs: 300 } as const;
const LIFE = { ttl: '40s', max: '80s' } as const;
/** A mount of its own, beside those of other tests on this Vault. */
const MOUNT = 'database-of-variables';

describeWithNode('a pod that reads a lease as a variable', (servers) => {
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
		await mountDatabase(vault, database, MOUNT);
	}, 600_000);
	afterAll(() => database[Symbol.asyncDispose]());

	/** A role of the database engine. The names of its users in PostgreSQL hold its name. */
	async function makeRole(name: string) {
		await writeDatabaseRole(vault, name, { ...LIFE, mount: MOUNT });
		const creation = new RegExp(`CREATE ROLE "v-[^"]*-${name}-`, 'g');
		return {
			path: `${MOUNT}/creds/${name}`,
			users: async () => (await rolesOf(database)).filter((user) => user.includes(`-${name}-`)),
			created: () => database.output().match(creation)?.length ?? 0,
		};
	}

	const annotationsFor = (path: string) => ({
		'lease.DB': path,
		'compose.DATABASE_URL': `postgres://\${DB_USERNAME:url}:\${DB_PASSWORD:url}@${database.host}:${database.port}/postgres`,
		...{ format: 'none', env: 'DATABASE_URL', 'on-change': 'restart', spread: '10s' },
	});

	/** Collects the lines of containers’ logs. A restart removes those from before. */
	function watch(namespace: string, container: string) {
		const seen = new Set<string>();
		return {
			seen,
			look: async (): Promise<readonly string[]> => {
				const { stdout } = await kubectl('logs', '-n', namespace, 'app', '-c', container, '--timestamps');
				const lines = stdout.split('\n').filter((line) => /connected|failed/.test(line));
				for (const line of lines) seen.add(line);
				return lines;
			},
		};
	}
	const userIn = (line: string): string => /(?:connected|failed) (v-[^\s:]+)/.exec(line)?.[1] ?? '';

	/** The pod of the documentation, with the node’s image, database and shortest spread. */
	async function documented(annotations: Readonly<Record<string, string>>): Promise<V1PodSpec> {
		const [text = ''] = blocksOf(
			sectionUnder(pageOf('docs/refreshing.md').text, 'A lease in variables') ?? '',
		)
			.filter(({ language }) => language === 'yaml')
			.map((block) => block.text);
		const shown = parse(text) as V1Pod & { readonly metadata: { readonly annotations: object } };
		// What the test sets is of the same kind.
		expect(Object.keys(shown.metadata.annotations)).toEqual(
			expect.arrayContaining(Object.keys(annotations).map((name) => `envtier.dev/${name}`)),
		);
		const [web] = shown.spec?.containers ?? [];
		// The image of the webhook has Node.
		const image = (await replicasOf(cluster))[0]?.spec?.containers[0]?.image ?? '';
		const script = `(${connectingApplication.toString()})()`;
		const [node = ''] = web?.command ?? [];
		return {
			containers: [
				{ ...web, name: 'main', image, command: [node, '-e', script], securityContext: { runAsUser: 1000 } },
			],
		};
	}

	test.concurrent('restarts in place with a new user, connects without a failure, and the old user ends', async () => {
		const { path, users, created } = await makeRole('invars');
		const tenant = await makeTenant(servers, { role: ['--service', 'web', '--refresh', '--lease', path] });
		const { namespace } = tenant;
		const annotations = annotationsFor(path);
		const pod = tenant.pod(await documented(annotations), annotations);
		const before = expectStatus(await createPod(cluster, namespace, pod), 201, 'creating the pod');
		await untilReady(cluster, namespace, 'app');
		const main = ['app', '-c', 'main'] as const;
		const first = userIn(await untilLogged(kubectl, namespace, main, 'connected v-'));
		// The init container and the sidecar have one user, not two.
		expect([await users(), created()]).toEqual([[first], 1]);

		const { seen, look } = watch(namespace, 'main');
		const last = await until(
			'another user in the variable',
			async () => (await look()).find((line) => line.includes('connected') && userIn(line) !== first),
			LIMIT,
		);
		const second = userIn(last);
		expect(created()).toBe(2);
		const log = await untilLogged(kubectl, namespace, ['app', '-c', 'envtier-fetch'], 'files adopted');
		expect(log).not.toContain('"requests"');
		const isFirstGone = async () => {
			await look();
			return !(await users()).includes(first);
		};
		await until('the end of the first user', isFirstGone, LIMIT);
		// The sidecar after the restart renews the adopted user.
		expect([await users(), created()]).toEqual([[second], 2]);
		const ofSecond = [...seen].filter((line) => userIn(line) === second);
		expect(ofSecond.filter((line) => line.includes('failed'))).toEqual([]);
		expect(ofSecond.length).toBeGreaterThan(3);
		const after = await untilReady(cluster, namespace, 'app');
		expect(after.metadata?.uid).toBe(before.metadata?.uid);
		await kubectl('delete', 'pod', 'app', '-n', namespace, '--grace-period=2');
		await until('the end of the last user', async () => (await users()).length === 0, LIMIT);
	});

	test.concurrent('with containers of two users: each has a user that works after the restart, and no other is left', async () => {
		const { path, users } = await makeRole('intwos');
		const tenant = await makeTenant(servers, { role: ['--service', 'web', '--refresh', '--lease', path] });
		const { namespace } = tenant;
		// With a file, each user has a fetcher.
		const annotations = { ...annotationsFor(path), format: 'json' };
		const { containers } = await documented(annotationsFor(path));
		const other = containers.map((container) => ({
			...container,
			...{ name: 'other', securityContext: { runAsUser: 2000 } },
		}));
		const pod = tenant.pod({ containers: [...containers, ...other] }, annotations);
		expectStatus(await createPod(cluster, namespace, pod), 201, 'creating the pod');
		await untilReady(cluster, namespace, 'app');
		const first = await users();
		expect(first).toHaveLength(2);
		const watched = ['main', 'other'].map((container) => watch(namespace, container));
		const fresh = await until(
			'another user in both variables',
			async () => {
				const found = await Promise.all(
					watched.map(async ({ look }) =>
						(await look()).map(userIn).find((user) => user !== '' && !first.includes(user)),
					),
				);
				return found.every((user) => user !== undefined) ? found : undefined;
			},
			LIMIT,
		);
		const isTidy = async () => {
			for (const { look } of watched) await look();
			return (await users()).every((user) => !first.includes(user));
		};
		await until('the end of the first users', isTidy, LIMIT);
		expect(new Set(fresh).size).toBe(2);
		for (const [i, { seen }] of watched.entries()) {
			const lines = [...seen].filter((line) => userIn(line) === fresh[i]);
			expect(lines.filter((line) => line.includes('failed'))).toEqual([]);
			expect(lines.length).toBeGreaterThan(1);
		}
		expect(await users()).toHaveLength(2);
		await kubectl('delete', 'pod', 'app', '-n', namespace, '--grace-period=2');
		await until('the end of the last users', async () => (await users()).length === 0, LIMIT);
	});
});
