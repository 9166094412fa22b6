import { readFile, writeFile } from 'node:fs/promises';
import { createServer, request as send } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type KubernetesClient, openKubernetes } from '../../../lib/kubernetes/client.ts';
import { type WatchOptions, watchList } from '../../../lib/kubernetes/watch.ts';
import { startTcpProxy, type TcpProxy } from '../../support/fault-proxy.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';
import { describeWithServers } from '../../support/servers.ts';
import { makeAuthority } from '../../support/tls.ts';
import { until } from '../../support/until.ts';
import { collectLogs } from '../../webhook/support/logs.ts';

/** What the log says of a watch that ended in a way it should not. */
const BROKEN = 'a watch broke off; the last known state is used until it is back';

describeWithServers('the webhook’s Kubernetes client', ({ cluster }) => {
	let place: Scratch;
	beforeAll(async () => {
		place = await scratch('kubernetes-client');
	});
	afterAll(() => place?.remove());

	/** Opens a kubeconfig as the tests' administrator has it, changed by `edit`. */
	async function open(
		edit: (text: string) => string = (text) => text,
		connections = 0,
	): Promise<KubernetesClient> {
		const file = join(place.dir, `${crypto.randomUUID()}.yaml`);
		await writeFile(file, edit(await readFile(cluster.kubeconfig, 'utf8')));
		const opened = await openKubernetes({ kubeconfig: file, connections });
		if (!opened.ok) throw new Error(opened.error);
		return opened.value;
	}

	const through = (port: number): Promise<KubernetesClient> =>
		open((text) => text.replace(/server: .*/, `server: https://127.0.0.1:${port}`));

	async function proxied(): Promise<{ client: KubernetesClient; proxy: TcpProxy }> {
		const proxy = await startTcpProxy(Number(new URL(cluster.url).port));
		return { client: await through(proxy.port), proxy };
	}

	describe('a call', () => {
		test('gives what the API server says', async () => {
			const client = await open();
			const answer = await client.call<{ major: string }>({ method: 'GET', path: '/version' });
			expect(answer).toMatchObject({ ok: true, value: { major: '1' } });
		});

		test('that changes something sends its body', async () => {
			const client = await open();
			const namespace = await cluster.createNamespace();
			const path = `/api/v1/namespaces/${namespace}/configmaps`;
			const body = { metadata: { name: 'one' }, data: { key: 'ü' } };
			expect(await client.call({ method: 'POST', path, body })).toMatchObject({ ok: true });
			expect(await client.call({ method: 'POST', path, body })).toMatchObject({
				ok: false,
				error: { status: 409, reason: 'AlreadyExists', message: expect.stringContaining('"one"') },
			});
			const patched = await client.call({
				...{ method: 'PATCH', path: `${path}/one`, body: { data: { key: 'b' } } },
				contentType: 'application/merge-patch+json',
			});
			expect(patched).toMatchObject({ ok: true, value: { data: { key: 'b' } } });
		});

		test('of somebody whom it does not know is refused without telling the token', async () => {
			const client = await open((text) => text.replace(/client-certificate-data: .*/, 'token: sesame-open'));
			const answer = await client.call({ method: 'GET', path: '/api/v1/namespaces' });
			expect(answer).toMatchObject({ ok: false, error: { status: 401, reason: 'Unauthorized' } });
			expect(JSON.stringify(answer)).not.toContain('sesame-open');
		});

		test('uses kept connections again where there are some, and a new one after one broke off', async () => {
			await using proxy = await startTcpProxy(Number(new URL(cluster.url).port));
			const client = await open(
				(text) => text.replace(/server: .*/, `server: https://127.0.0.1:${proxy.port}`),
				2,
			);
			const call = () => client.call({ method: 'GET', path: '/version' });
			for (let i = 0; i < 5; i += 1) expect(await call()).toMatchObject({ ok: true });
			expect(proxy.connections()).toBe(1);
			await Promise.all(Array.from({ length: 6 }, call));
			expect(proxy.connections()).toBe(2);
			await proxy.refuse(true);
			await proxy.refuse(false);
			await until('an answer', async () => (await call()).ok);
			expect(proxy.connections()).toBeGreaterThan(2);
		});

		test('that is not answered in time is given up', async () => {
			const { client, proxy } = await proxied();
			await using _ = proxy;
			proxy.setFault(() => ({ kind: 'silent', after: 0 }));
			expect(await client.call({ method: 'GET', path: '/version', deadline: 200 })).toEqual({
				ok: false,
				error: { status: undefined, reason: 'Timeout', message: 'does not answer within 0.2 s' },
			});
		});

		test('whose answer stops in the middle is given up in time as well', async () => {
			const { client, proxy } = await proxied();
			await using _ = proxy;
			proxy.setFault(() => ({ kind: 'silent', after: 20_000 }));
			// Hundreds of kilobytes.
			const answer = await client.call({ method: 'GET', path: '/openapi/v2', deadline: 3_000 });
			expect(answer).toMatchObject({ ok: false, error: { reason: 'Timeout' } });
		});

		test('that finds nobody listening says so', async () => {
			const { client, proxy } = await proxied();
			await proxy[Symbol.asyncDispose]();
			expect(await client.call({ method: 'GET', path: '/version' })).toMatchObject({
				ok: false,
				error: { status: undefined, message: 'cannot be reached: ECONNREFUSED' },
			});
		});

		test('to a server that the kubeconfig does not vouch for is not made', async () => {
			const other = await makeAuthority('Somebody else');
			const ca = Buffer.from(other.certPem).toString('base64');
			const client = await open((text) =>
				text.replace(/certificate-authority-data: .*/, `certificate-authority-data: ${ca}`),
			);
			expect(await client.call({ method: 'GET', path: '/version' })).toMatchObject({
				ok: false,
				error: { status: undefined, message: expect.stringMatching(/CERT|SIGNATURE/) },
			});
		});
	});

	/** A new kind, so that the API server has no history of it. */
	async function newKind() {
		const group = `${crypto.randomUUID()}.example`;
		const schema = { openAPIV3Schema: { type: 'object' } };
		await cluster.request('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
			metadata: { name: `things.${group}` },
			spec: {
				...{ group, scope: 'Cluster', names: { plural: 'things', kind: 'Thing' } },
				versions: [{ name: 'v1', served: true, storage: true, schema }],
			},
		});
		const path = `/apis/${group}/v1/things`;
		await until('the new kind', async () => (await cluster.request('GET', path)).status === 200);
		const create = (name: string) =>
			cluster.request('POST', path, { apiVersion: `${group}/v1`, kind: 'Thing', metadata: { name } });
		return { path, create };
	}

	/** Stands before the real API server and makes the first watch ask for a place that is long gone. */
	async function forgetful() {
		const authority = await makeAuthority();
		const leaf = await authority.issue();
		if (!('certPem' in cluster.administrator)) throw new Error('needs a client certificate');
		const { certPem: cert, keyPem: key } = cluster.administrator;
		let old = true;
		let lists = 0;
		const pathOf = (url: string): string => {
			if (!url.includes('watch=true')) lists += 1;
			else if (old) {
				old = false;
				return url.replace(/resourceVersion=\d+/, 'resourceVersion=1');
			}
			return url;
		};
		const server = createServer({ cert: leaf.certPem, key: leaf.keyPem }, (incoming, outgoing) => {
			const to = new URL(pathOf(incoming.url ?? ''), cluster.url);
			const headers = { accept: incoming.headers.accept };
			send(to, { ca: cluster.caPem, cert, key, agent: false, headers }, (answer) => {
				outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
				answer.pipe(outgoing);
				outgoing.on('close', () => answer.destroy());
			}).end();
		});
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		return {
			port: (server.address() as AddressInfo).port,
			caPem: authority.certPem,
			lists: () => lists,
			[Symbol.asyncDispose]: () =>
				new Promise<void>((resolve) => {
					server.close(() => resolve());
					server.closeAllConnections();
				}),
		};
	}

	describe('a watch', () => {
		const TEAM: WatchOptions<string> = {
			path: '/api/v1/namespaces',
			metadataOnly: true,
			keep: ({ metadata }) => metadata.labels?.['team'] ?? '',
		};

		function watching(client: KubernetesClient, options: Partial<typeof TEAM> = {}) {
			const logs = collectLogs();
			const watched = watchList(client, { ...TEAM, ...options }, logs.log);
			return { ...watched, logs, [Symbol.dispose]: watched.close };
		}

		const label = (namespace: string, team: string) =>
			cluster.request(
				'PATCH',
				`/api/v1/namespaces/${namespace}`,
				{ metadata: { labels: { team } } },
				{
					contentType: 'application/merge-patch+json',
				},
			);

		test('knows what was there, and hears of what comes, changes and goes', async () => {
			const there = await cluster.createNamespace({ labels: { team: 'red' } });
			const heard: [string, string | undefined][] = [];
			using view = watching(await open(), { changed: (key, kept) => heard.push([key, kept]) });
			expect(view.current()).toBeUndefined();
			expect(view.age()).toBe(Number.POSITIVE_INFINITY);
			await until('the list', () => view.current() !== undefined);
			expect(view.current()?.get(there)).toBe('red');
			const path = `/api/v1/namespaces/${there}/configmaps`;
			using maps = watching(await open(), { path, keep: ({ metadata }) => metadata.resourceVersion });
			await until('the other list', () => maps.current() !== undefined);

			const came = await cluster.createNamespace({ labels: { team: 'blue' } });
			await until('the new one', () => view.current()?.get(came) === 'blue');
			await label(came, 'green');
			await until('the change', () => view.current()?.get(came) === 'green');
			expect(heard).toEqual(
				expect.arrayContaining([
					[there, 'red'],
					[came, 'blue'],
					[came, 'green'],
				]),
			);

			await cluster.request('POST', path, { metadata: { name: 'one' } });
			await until('the map', () => maps.current()?.has(`${there}/one`));
			await cluster.request('DELETE', `${path}/one`);
			await until('its end', () => maps.current()?.size === 0);
			expect(view.age()).toBeLessThan(90_000);
		});

		test('lists in pages', async () => {
			const namespace = await cluster.createNamespace();
			const path = `/api/v1/namespaces/${namespace}/configmaps`;
			const made = Array.from({ length: 520 }, (_, i) =>
				cluster.request('POST', path, { metadata: { name: `map-${i}` } }),
			);
			await Promise.all(made);
			using view = watching(await open(), { path });
			await until('the list', () => view.current() !== undefined);
			expect(view.current()?.size).toBe(520);
		});

		test('that is cut off grows older, comes back by itself and has missed nothing', async () => {
			const { client, proxy } = await proxied();
			await using _ = proxy;
			using view = watching(client);
			const gone = await cluster.createNamespace();
			await until('the first one', () => view.current()?.has(gone));
			await proxy.refuse(true);
			const late = await cluster.createNamespace({ labels: { team: 'late' } });
			await until('word of the problem', () => view.logs.with(BROKEN).length > 0);
			expect(view.current()?.has(gone)).toBe(true);
			expect(view.current()?.has(late)).toBe(false);
			await until('it to be older', () => view.age() > 300);
			await proxy.refuse(false);
			await until('what it missed', () => view.current()?.get(late) === 'late');
			expect(view.logs.with('watching again')).toHaveLength(1);
		});

		test('whose place the API server has forgotten lists everything anew', async () => {
			const { path, create } = await newKind();
			await using forwarder = await forgetful();
			const ca = Buffer.from(forwarder.caPem).toString('base64');
			const client = await open((text) =>
				text
					.replace(/server: .*/, `server: https://127.0.0.1:${forwarder.port}`)
					.replace(/certificate-authority-data: .*/, `certificate-authority-data: ${ca}`),
			);
			using view = watching(client, { path });
			await until('a second list', () => forwarder.lists() >= 2);
			const [line] = view.logs.with(BROKEN);
			expect(line?.['problem']).toContain('too old resource version');
			await create('new');
			await until('what came then', () => view.current()?.has('new'));
		});

		test('of somebody who may not says so once and goes on trying', async () => {
			const namespace = await cluster.createNamespace();
			const token = await cluster.token(namespace, 'default');
			const client = await open((text) =>
				text.replace(/client-certificate-data: .*/, `token: ${token}`).replace(/client-key-data: .*/, ''),
			);
			using view = watching(client);
			const lines = () => view.logs.with(BROKEN);
			await until('word of it', () => lines().length > 0);
			expect(lines()[0]?.['problem']).toContain('namespaces is forbidden');
			await cluster.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
				metadata: { name: namespace },
				roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
				subjects: [{ kind: 'ServiceAccount', namespace, name: 'default' }],
			});
			await until('the view', () => view.current()?.has(namespace));
			expect(lines()).toHaveLength(1);
		});
	});
});
