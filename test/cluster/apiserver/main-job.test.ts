import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fetcherOf, runStoredFetcher } from '../../support/kubernetes/fetcher.ts';
import { createPod, podOf, secretMounts } from '../../support/kubernetes/pods.ts';
import { putSecret } from '../../support/openbao-setup.ts';
import { runProcess } from '../../support/process.ts';
import { describeWithServers } from '../../support/servers.ts';

describeWithServers('the main job', ({ cluster, vault, setupVault }) => {
	test('a pod that names its deployment and service gets the merged secrets of its three tiers', async () => {
		const namespace = await cluster.createNamespace({ prefix: 'shop-' });
		await cluster.createServiceAccount(namespace, 'web');
		await setupVault(
			...['role', namespace, '--namespace', namespace, '--account', 'web'],
			...['--org', 'acme', '--deployment', namespace, '--service', 'web'],
		);
		const difficult = `it's "quoted", $HOME, \`id\`, back\\slash,\n\tlines, ü and 🔑`;
		const secrets = {
			'orgs/acme/secrets/REGION': 'eu-north-1',
			'orgs/acme/secrets/LOG_LEVEL': 'from the organization',
			[`deployments/${namespace}/secrets/LOG_LEVEL`]: 'from the deployment',
			[`deployments/${namespace}/secrets/DATABASE_URL`]: 'from the deployment',
			[`deployments/${namespace}/services/web/secrets/DATABASE_URL`]: difficult,
			[`deployments/${namespace}/services/other/secrets/REGION`]: 'of another service',
		};
		for (const [path, value] of Object.entries(secrets)) await putSecret(vault, path, value);

		const created = await createPod(
			cluster,
			namespace,
			podOf({
				envtier: { org: 'acme', deployment: namespace, service: 'web', role: namespace },
				spec: { serviceAccountName: 'web' },
			}),
		);
		expect(created.status, JSON.stringify(created.body)).toBe(201);

		const stored = await cluster.request<typeof created.body>(
			'GET',
			`/api/v1/namespaces/${namespace}/pods/web`,
		);
		const fetcher = fetcherOf(stored.body);
		expect(stored.body.spec?.initContainers?.[0]).toEqual(fetcher);
		expect(fetcher.securityContext?.runAsUser).toBe(1000);
		expect(secretMounts(stored.body)).toEqual({ main: '/secrets' });
		const volume = stored.body.spec?.volumes?.find(({ name }) => name === 'envtier-secrets');
		expect(volume?.emptyDir).toMatchObject({ medium: 'Memory' });

		const fetched = await runStoredFetcher(cluster, stored.body);
		try {
			expect(fetched.code, fetched.stderr + fetched.stdout).toBe(0);
			expect((await stat(join(fetched.out, 'env'))).mode & 0o777).toBe(0o600);
			const print = `. '${fetched.out}/env' && printf '%s\\0%s\\0%s' "$REGION" "$LOG_LEVEL" "$DATABASE_URL"`;
			const sourced = await runProcess({ command: 'sh', args: ['-ec', print] });
			expect(sourced.stderr).toBe('');
			expect(sourced.stdout.split('\0')).toEqual(['eu-north-1', 'from the deployment', difficult]);
			const file = await readFile(join(fetched.out, 'env'), 'utf8');
			expect(file.match(/^export \w+=/gm)).toEqual([
				'export DATABASE_URL=',
				'export LOG_LEVEL=',
				'export REGION=',
			]);
		} finally {
			await fetched.clean();
		}
	});

	test('a pod of another service account is refused by Vault, and the termination message says why', async () => {
		const namespace = await cluster.createNamespace({ prefix: 'shop-' });
		await cluster.createServiceAccount(namespace, 'intruder');
		const role = ['role', namespace, '--namespace', namespace, '--account', 'web'];
		await setupVault(...role, '--deployment', namespace);
		const created = await createPod(
			cluster,
			namespace,
			podOf({
				envtier: { deployment: namespace, role: namespace },
				spec: { serviceAccountName: 'intruder' },
			}),
		);
		expect(created.status, JSON.stringify(created.body)).toBe(201);
		const fetched = await runStoredFetcher(cluster, created.body);
		try {
			expect(fetched.code).toBe(21);
			const message = await readFile(fetched.terminationMessageFile, 'utf8');
			expect(message).toContain(`${namespace}/intruder`);
			await expect(stat(join(fetched.out, 'env'))).rejects.toThrow('ENOENT');
		} finally {
			await fetched.clean();
		}
	});
});
