import { afterAll, beforeAll, expect, test } from 'vitest';
import { readable } from '../../pki/bundle.ts';
import { expectStatus } from '../support/kubernetes/cluster.ts';
import { refusalOf } from '../support/kubernetes/pods.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { makeAuthority } from '../support/tls.ts';
import { until } from '../support/until.ts';
import { type Balancer, startBalancer } from './self-managed/balancer.ts';
import {
	bundleOf,
	fingerprint,
	installSelfManaged,
	NAMESPACE,
	overwriteBundle,
	type Replica,
	SECRET,
	secretOf,
	startReplica,
	tokenKubeconfig,
	WEBHOOK_CONFIGURATION,
	WEBHOOK_CONFIGURATIONS,
} from './self-managed/replica.ts';
import { describeOnApiServer, flow } from './support.ts';

/** So short that a test sees them end; a third of it is left for a busy machine to renew in. */
const SHORT = {
	ENVTIER_CERTIFICATES_LIFE: '15s',
	ENVTIER_CERTIFICATES_CA_LIFE: '45s',
	ENVTIER_CERTIFICATES_SETTLE: '2s',
} as const;
const PATIENT = { timeoutMs: 120_000, everyMs: 100 };

await describeOnApiServer('certificates that the webhook keeps itself', (cluster) => {
	let place: Scratch;
	let kubeconfig: string;
	let balancer: Balancer;
	let namespace: string;
	let replicas: readonly Replica[];
	beforeAll(async () => {
		place = await scratch('self-managed');
		balancer = await startBalancer();
		kubeconfig = await installSelfManaged(cluster, place.dir, balancer.port);
		namespace = await cluster.createNamespace();
	});
	afterAll(async () => {
		for (const replica of replicas ?? []) await replica.process.stop(0);
		await balancer?.[Symbol.asyncDispose]();
		await cluster.stop();
		await place?.remove();
	});

	/** Creates a pod that asks for secrets; gives what went wrong, if anything. */
	const admitted = () => refusalOf(cluster, namespace);

	/** The result of a new connection to each replica by an API server that trusts the current caBundle. */
	async function greeted(): Promise<string | undefined> {
		const bundle = await bundleOf(cluster);
		for (const [position, replica] of replicas.entries()) {
			const problem = await replica.shown(bundle).then(
				() => undefined,
				(error: Error) => `replica ${position}: ${error.message}`,
			);
			if (problem !== undefined) return problem;
		}
		return undefined;
	}

	/** Has pods created and hands shaken while `meanwhile` goes on, and none of it may fail. */
	async function withoutAGap(meanwhile: () => Promise<void>, least = 3): Promise<void> {
		const flows = [flow(admitted), flow(greeted)];
		const failed: string[] = [];
		try {
			await meanwhile();
		} finally {
			for (const one of flows) failed.push(...(await one.stop()));
		}
		expect(failed).toEqual([]);
		for (const one of flows) expect(one.done()).toBeGreaterThan(least);
	}

	/** What each replica shows, trusted or not. */
	const shownByAll = async (): Promise<ReadonlySet<string>> => {
		const bundle = await bundleOf(cluster);
		return new Set(await Promise.all(replicas.map((replica) => replica.shown(bundle))));
	};

	test('replicas that start at once and find no Secret agree on one CA and one certificate', async () => {
		replicas = await Promise.all([1, 2, 3].map(() => startReplica(kubeconfig, SHORT)));
		balancer.use(replicas.map(({ port }) => port));
		await until(
			'every replica to be ready',
			async () =>
				(await Promise.all(replicas.map((one) => one.readiness()))).every(({ status }) => status === 200),
			PATIENT,
		);
		const secret = await secretOf(cluster);
		expect(readable(await bundleOf(cluster)).map((ca) => ca.fingerprint256)).toEqual([
			fingerprint(secret?.['ca.crt']),
		]);
		expect((await shownByAll()).size).toBe(1);
		await until('a pod to be injected', async () => (await admitted()) === undefined, PATIENT);
	});

	test('pods are admitted all the while that certificates are renewed and CAs rolled', async () => {
		const leaves = new Set<string | undefined>();
		const cas = new Set<string | undefined>();
		let both = false;
		await withoutAGap(async () => {
			await until(
				'two CAs and a certificate of the second',
				async () => {
					const secret = await secretOf(cluster);
					leaves.add(fingerprint(secret?.['tls.crt']));
					cas.add(fingerprint(secret?.['ca.crt']));
					const trusted = readable(await bundleOf(cluster)).map((ca) => ca.fingerprint256);
					both ||= trusted.length >= 2 && [...cas].every((ca) => trusted.includes(ca ?? ''));
					return cas.size >= 2 && leaves.size >= 5;
				},
				PATIENT,
			);
		}, 20);
		expect(both, 'old and new CA trusted at once').toBe(true);
		for (const { process } of replicas) expect(process.stdout()).not.toContain('need help');
	});

	test('the Secret is deleted: another CA and certificate come, without a gap', async () => {
		const before = await secretOf(cluster);
		await withoutAGap(async () => {
			expectStatus(await cluster.request('DELETE', SECRET), 200, 'deleting the Secret');
			await until(
				'every replica to show a certificate of another CA',
				async () => {
					const now = await secretOf(cluster);
					const leaf = fingerprint(now?.['tls.crt']);
					const other = fingerprint(now?.['ca.crt']) !== fingerprint(before?.['ca.crt']);
					return other && leaf !== undefined && [...(await shownByAll())].join() === leaf;
				},
				PATIENT,
			);
		});
	});

	test.each([
		['rubbish', async () => ({ 'tls.crt': 'rubbish', 'tls.key': 'rubbish' })],
		[
			'an expired pair of somebody’s',
			async () => {
				const other = await makeAuthority(`Envtier other CA ${crypto.randomUUID()}`);
				const leaf = await other.issue({ names: ['127.0.0.1'], expired: true });
				return {
					'tls.crt': leaf.certPem,
					'tls.key': leaf.keyPem,
					'ca.crt': other.certPem,
					'ca.key': other.keyPem,
				};
			},
		],
		[
			'a good pair of a CA that nobody trusts',
			async () => {
				const other = await makeAuthority(`Envtier other CA ${crypto.randomUUID()}`);
				const leaf = await other.issue({ names: ['127.0.0.1'] });
				return { 'tls.crt': leaf.certPem, 'tls.key': leaf.keyPem, 'ca.crt': other.certPem };
			},
		],
	] as const)('%s in the Secret replaces nothing, and does not stay', async (_, rubbish) => {
		const stringData: Readonly<Record<string, string>> = await rubbish();
		await withoutAGap(async () => {
			const merge = { contentType: 'application/merge-patch+json' };
			expectStatus(await cluster.request('PATCH', SECRET, { stringData }, merge), 200, 'spoiling the Secret');
			await until(
				'every replica to show what the Secret holds',
				async (): Promise<boolean> => {
					const leaf: string | undefined = (await secretOf(cluster))?.['tls.crt'];
					if (leaf === stringData['tls.crt']) return false;
					return [...(await shownByAll())].join() === fingerprint(leaf);
				},
				PATIENT,
			);
		});
	});

	test.each(['emptied', 'replaced by another CA'])('a caBundle that is %s is mended', async (how) => {
		const pem =
			how === 'emptied' ? '' : (await makeAuthority(`Envtier other CA ${crypto.randomUUID()}`)).certPem;
		await overwriteBundle(cluster, pem);
		await until('what is shown to be trusted again', async () => (await greeted()) === undefined, PATIENT);
		await until('pods to be admitted again', async () => (await admitted()) === undefined, PATIENT);
		expect(readable(await bundleOf(cluster)).map((ca) => ca.fingerprint256)).toContain(
			fingerprint((await secretOf(cluster))?.['ca.crt']),
		);
	});

	test('a replica that comes later takes up what there is', async () => {
		await withoutAGap(async () => {
			const late = await startReplica(kubeconfig, SHORT);
			await until('it to be ready', async () => (await late.readiness()).status === 200, PATIENT);
			replicas = [...replicas, late];
			balancer.use(replicas.map(({ port }) => port));
			await until('it to show what all show', async () => (await shownByAll()).size === 1, PATIENT);
		});
	});

	test('without the rights it is not ready, and says which one it lacks', async () => {
		const token = await cluster.token(NAMESPACE, 'default', [], 600);
		const replica = await startReplica(await tokenKubeconfig(place.dir, cluster, token), SHORT);
		try {
			await until('its log to say it', () => replica.process.stdout().includes('is forbidden'), PATIENT);
			const { status, text } = await replica.readiness();
			expect(status).toBe(503);
			expect(text).toContain('there is no valid certificate');
		} finally {
			await replica.process.stop();
		}
	});

	test.each([
		['another Secret', 'GET', `/api/v1/namespaces/${NAMESPACE}/secrets/envtier-webhook-tls`],
		['all Secrets', 'GET', `/api/v1/namespaces/${NAMESPACE}/secrets`],
		['a Secret elsewhere', 'GET', '/api/v1/namespaces/default/secrets/envtier-webhook-certificates'],
		['another webhook configuration', 'PATCH', `${WEBHOOK_CONFIGURATIONS}/other`],
		['its own webhook configuration’s end', 'DELETE', WEBHOOK_CONFIGURATION],
		['its own Secret’s end', 'DELETE', SECRET],
		['pods', 'GET', '/api/v1/pods'],
	])('its rights do not reach %s', async (_, method, path) => {
		const token = await cluster.token(NAMESPACE, 'envtier-webhook');
		const body = method === 'PATCH' ? { metadata: { labels: { a: 'b' } } } : undefined;
		const answer = await cluster.request(method, path, body, {
			token,
			contentType: 'application/merge-patch+json',
		});
		expect(answer.status).toBe(403);
	});
});
