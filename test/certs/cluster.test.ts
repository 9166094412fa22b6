import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { V1MutatingWebhookConfiguration } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { isTrusted, readable } from '../../pki/bundle.ts';
import { expectStatus } from '../support/kubernetes/cluster.ts';
import { createPod, injectedInto, podOf } from '../support/kubernetes/pods.ts';
import { shippedWebhookConfiguration } from '../support/kubernetes/webhook-configuration.ts';
import { freePort } from '../support/ports.ts';
import type { RunningProcess } from '../support/process.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { tokenKubeconfig, WEBHOOK_CONFIGURATION, WEBHOOK_CONFIGURATIONS } from './self-managed/replica.ts';
import {
	certs,
	describeOnApiServer,
	flow,
	type Mounted,
	mountSecret,
	NAMESPACE,
	readPair,
	SECRET,
	startWebhookWith,
} from './support.ts';

/** The webhook of these tests is called by address, as no kube-proxy is there. */
const NAMED = ['--name', '127.0.0.1'] as const;
const QUICK = ['--settle', '1'] as const;

await describeOnApiServer('the certificate script on a real API server', (server) => {
	let place: Scratch;
	beforeAll(async () => {
		place = await scratch('certs');
		await server.createNamespace({ name: NAMESPACE });
	});
	afterAll(async () => {
		await server.stop();
		await place.remove();
	});

	const run = (...args: readonly string[]) => certs(server.kubeconfig, ...args);

	/** Registers the webhook as it ships; at an address if one is given, else at its Service. */
	async function register(url?: string): Promise<void> {
		const webhookConfiguration = await shippedWebhookConfiguration();
		for (const webhook of webhookConfiguration.webhooks ?? []) {
			if (url !== undefined) webhook.clientConfig = { url: `${url}${webhook.clientConfig.service?.path}` };
		}
		expectStatus(
			await server.request('POST', WEBHOOK_CONFIGURATIONS, webhookConfiguration),
			201,
			'registering',
		);
	}

	async function bundle(): Promise<string> {
		const answer = await server.request<V1MutatingWebhookConfiguration>('GET', WEBHOOK_CONFIGURATION);
		const { webhooks } = expectStatus(answer, 200, 'reading the webhook configuration');
		return Buffer.from(webhooks?.[0]?.clientConfig.caBundle ?? '', 'base64').toString('utf8');
	}

	afterEach(async () => {
		await server.request('DELETE', WEBHOOK_CONFIGURATION);
		await server.request('DELETE', SECRET);
	});

	describe('says what is wrong and writes nothing', () => {
		test('where there is no such kubeconfig', async () => {
			const { code, stderr } = await run('--kubeconfig', join(place.dir, 'none'));
			expect([code, stderr]).toEqual([1, expect.stringMatching(/kubeconfig .*none cannot be read: ENOENT/)]);
		});

		test('where the kubeconfig has no such context', async () => {
			const { code, stderr } = await run('--context', 'production');
			expect([code, stderr]).toEqual([
				1,
				expect.stringMatching(/no context "production"; it has envtier-test/),
			]);
		});

		test('where no API server answers', async () => {
			const file = join(place.dir, 'unreachable');
			const port = await freePort();
			const cluster = { name: 'c', cluster: { server: `https://127.0.0.1:${port}` } };
			const context = { name: 'c', context: { cluster: 'c', user: 'u' } };
			const config = { clusters: [cluster], contexts: [context], users: [{ name: 'u', user: {} }] };
			await writeFile(file, JSON.stringify({ ...config, 'current-context': 'c' }));
			const { code, stderr } = await certs(file);
			expect([code, stderr]).toEqual([1, expect.stringContaining(`127.0.0.1:${port} cannot be reached`)]);
		});

		test.each([
			{ who: 'nobody', token: () => 'not-a-token', says: /does not know who you are \(401\)/ },
			{
				who: 'an account without rights',
				token: () => server.token(NAMESPACE, 'default'),
				says: /reading Secret .* failed: you may not: secrets "envtier-webhook-tls" is forbidden/,
			},
		])('as $who', async ({ token, says }) => {
			const file = await tokenKubeconfig(place.dir, server, await token());
			const { code, stderr } = await certs(file);
			expect([code, stderr]).toEqual([1, expect.stringMatching(says)]);
		});

		test('where the manifests are not applied yet', async () => {
			const { code, stderr } = await run();
			expect([code, stderr]).toEqual([1, expect.stringContaining('apply deploy/manifests first')]);
			expect(await readPair(server)).toBeUndefined();
		});

		test('where there is no such namespace', async () => {
			const { code, stderr } = await run('--secret-only', '--namespace', 'elsewhere');
			expect([code, stderr]).toEqual([1, expect.stringContaining('there is no namespace elsewhere')]);
		});

		test('where the webhook configuration leads elsewhere', async () => {
			await register();
			const { code, stderr } = await run('--service', 'other');
			expect([code, stderr]).toEqual([
				1,
				expect.stringContaining('leads to the Service envtier-system/other'),
			]);
			expect(await bundle()).toBe('');
		});

		test('where someone else keeps the Secret', async () => {
			await register();
			const annotations = { 'cert-manager.io/certificate-name': 'webhook' };
			const secret = { metadata: { name: 'envtier-webhook-tls', annotations }, stringData: { a: 'b' } };
			await server.request('POST', `/api/v1/namespaces/${NAMESPACE}/secrets`, secret);
			const { code, stderr } = await run();
			expect([code, stderr]).toEqual([
				1,
				expect.stringContaining('cert-manager keeps it for its Certificate webhook'),
			]);
			expect(await bundle()).toBe('');
		});

		test('where cert-manager keeps the caBundle', async () => {
			await register();
			const annotations = { 'cert-manager.io/inject-ca-from': 'envtier-system/webhook' };
			const patch = { contentType: 'application/merge-patch+json' };
			await server.request('PATCH', WEBHOOK_CONFIGURATION, { metadata: { annotations } }, patch);
			const { code, stderr } = await run();
			expect([code, stderr]).toEqual([1, expect.stringContaining('cert-manager keeps the caBundle')]);
			expect(await readPair(server)).toBeUndefined();
		});

		test('as JSON too', async () => {
			const { code, stdout } = await run('--json');
			expect([code, JSON.parse(stdout)]).toEqual([
				1,
				{ error: expect.stringContaining('no webhook configuration') },
			]);
		});
	});

	test('makes Secret and caBundle, and tells what it did', async () => {
		await register();
		const { code, stdout, stderr } = await run();
		expect([code, stderr]).toEqual([
			0,
			expect.stringContaining('the webhook configuration trusts the new CA'),
		]);
		const pair = await readPair(server);
		const leaf = new X509Certificate(pair?.certificate ?? '');
		expect(stdout).toContain(leaf.fingerprint256);
		expect(leaf.subjectAltName).toContain('DNS:envtier-webhook.envtier-system.svc,');
		expect(await bundle()).toBe(pair?.ca);
		expect(stdout + stderr).not.toContain('PRIVATE KEY');
	});

	test('needs no other rights than those that docs/certificates.md names', async () => {
		await register();
		const page = await readFile(join(import.meta.dirname, '../../docs/certificates.md'), 'utf8');
		const [yaml = ''] = /(?<=```yaml\n# rights\n)[^`]*/.exec(page) ?? [];
		for (const document of parseAllDocuments(yaml)) {
			const object = document.toJS();
			const inside =
				object.metadata.namespace === undefined ? '' : `/namespaces/${object.metadata.namespace}`;
			const path = `/apis/rbac.authorization.k8s.io/v1${inside}/${object.kind.toLowerCase()}s`;
			expectStatus(await server.request('POST', path, object), 201, `creating ${object.kind}`);
		}
		await server.createServiceAccount(NAMESPACE, 'envtier-certs');
		const file = await tokenKubeconfig(place.dir, server, await server.token(NAMESPACE, 'envtier-certs'));
		const made = await certs(file);
		expect([made.code, made.stderr]).toEqual([0, expect.stringContaining('wrote the Secret')]);
		// A second run looks for replicas; there are none.
		const again = await certs(file, ...QUICK);
		expect([again.code, again.stderr]).toEqual([0, expect.stringContaining('0 of 0 replicas')]);
	});

	test('tells as JSON what it did', async () => {
		await register();
		const { code, stdout, stderr } = await run('--json', '--days', '7', '--name', 'webhook.example');
		expect([code, stderr]).toEqual([0, '']);
		const outcome = JSON.parse(stdout);
		const leaf = new X509Certificate((await readPair(server))?.certificate ?? '');
		expect(outcome).toEqual({
			finished: true,
			fingerprint: leaf.fingerprint256,
			subjectAltName: expect.stringContaining('DNS:webhook.example'),
			notAfter: new Date(leaf.validTo).toISOString(),
		});
	});

	test('writes the Secret before the webhook configuration is there, and finishes afterwards', async () => {
		const first = await run('--secret-only');
		expect([first.code, first.stdout]).toEqual([3, expect.stringContaining('apply deploy/manifests')]);
		await register();
		const second = await run('--finish', ...QUICK);
		expect([second.code, second.stderr]).toEqual([0, expect.any(String)]);
		expect(await bundle()).toBe((await readPair(server))?.ca);
	});

	test('makes the certificate of the secrets API, which no webhook configuration knows, and a new one when run again', async () => {
		const secret = `/api/v1/namespaces/${NAMESPACE}/secrets/envtier-api-tls`;
		const stored = async () => {
			const { body } = await server.request<{ data: Record<string, string> }>('GET', secret);
			return Buffer.from(body.data['tls.crt'] ?? '', 'base64').toString();
		};
		const first = await run('--for', 'api', '--name', 'secrets.example.com');
		expect([first.code, first.stderr]).toEqual([0, expect.stringContaining('callers trust its ca.crt')]);
		const before = new X509Certificate(await stored());
		expect(before.subject).toBe('CN=envtier-api');
		for (const name of ['envtier-api.envtier-system.svc', 'secrets.example.com'])
			expect(before.checkHost(name)).toBe(name);
		const second = await run('--for', 'api');
		expect([second.code, second.stderr]).toEqual([0, expect.stringContaining('hand it to the callers')]);
		expect(new X509Certificate(await stored()).fingerprint256).not.toBe(before.fingerprint256);
		const printed = await certs(undefined, '--print', '--for', 'api');
		expect(parseAllDocuments(printed.stdout).map((document) => document.toJS().kind)).toEqual(['Secret']);
		const ofReveal = await certs(undefined, '--print', '--for', 'reveal');
		const [made] = parseAllDocuments(ofReveal.stdout).map((document) => document.toJS());
		expect(made.metadata.name).toBe('envtier-reveal-tls');
		const pem = Buffer.from(made.data['tls.crt'], 'base64').toString();
		expect(new X509Certificate(pem).checkHost('envtier-reveal.envtier-system.svc')).toBeDefined();
		const finish = await run('--for', 'api', '--finish');
		expect([finish.code, finish.stderr]).toEqual([1, expect.stringContaining('has none of')]);
		expect((await readPair(server))?.certificate).toBeUndefined();
		await server.request('DELETE', secret);
	});

	test('prints manifests that kubectl apply --server-side takes', async () => {
		await register();
		const before = await server.request<V1MutatingWebhookConfiguration>('GET', WEBHOOK_CONFIGURATION);
		const { code, stdout } = await certs(undefined, '--print');
		expect(code).toBe(0);
		const [secret, webhookConfiguration] = parseAllDocuments(stdout).map((document) => document.toJS());
		const apply = { contentType: 'application/apply-patch+yaml' };
		const manager = 'fieldManager=kubectl';
		expect((await server.request('PATCH', `${SECRET}?${manager}`, secret, apply)).status).toBe(201);
		expect(
			(await server.request('PATCH', `${WEBHOOK_CONFIGURATION}?${manager}`, webhookConfiguration, apply))
				.status,
		).toBe(200);
		expect(await bundle()).toBe((await readPair(server))?.ca);
		const after = await server.request<V1MutatingWebhookConfiguration>('GET', WEBHOOK_CONFIGURATION);
		const rest = ({ body }: typeof after) =>
			body.webhooks?.map((webhook) => ({
				...webhook,
				clientConfig: { ...webhook.clientConfig, caBundle: '' },
			}));
		expect(rest(after)).toEqual(rest(before));
	});

	describe('rotates while pods are admitted', () => {
		let mounted: Mounted;
		let webhook: RunningProcess;
		let port: number;
		let namespace: string;

		/** One pod asks for secrets; gives what is wrong with the answer. */
		const admit = async (): Promise<string | undefined> => {
			const pod = podOf({
				name: `web-${Math.random().toString(36).slice(2)}`,
				envtier: { deployment: 'shop' },
			});
			const answer = await createPod(server, namespace, pod, 'dryRun=All');
			if (answer.status === 201 && injectedInto(answer.body).length === 1) return undefined;
			return `${answer.status} ${answer.body.message}`;
		};

		/** A new connection, as from an API server that has none yet: the webhook must show what is trusted. */
		const handshake = async (): Promise<string | undefined> => {
			const ca = await bundle();
			return await new Promise((resolve) => {
				const socket = connect({ host: '127.0.0.1', port, ca });
				socket.on('secureConnect', () => {
					socket.destroy();
					resolve(undefined);
				});
				socket.on('error', (error) => resolve(`handshake: ${error.message}`));
			});
		};

		/** What is handed out may be shown at any moment, so it must be trusted already. */
		const handedOut = async (): Promise<string | undefined> => {
			const leaf = await stored();
			const trusted = readable(await bundle());
			return isTrusted(leaf, trusted) ? undefined : 'the Secret holds what is not trusted';
		};

		const shown = (): Promise<string> =>
			new Promise((resolve, reject) => {
				const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
				socket.on('error', reject);
				socket.on('secureConnect', () => {
					resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
					socket.destroy();
				});
			});

		const stored = async (): Promise<X509Certificate> =>
			new X509Certificate((await readPair(server))?.certificate ?? '');

		async function begin(dir: string): Promise<void> {
			port = await freePort();
			namespace = await server.createNamespace();
			await register(`https://127.0.0.1:${port}`);
			expect((await run(...NAMED)).code).toBe(0);
			mounted = await mountSecret(server, dir);
			webhook = await startWebhookWith(mounted, port);
			await until('the webhook configuration to be in force', async () => (await admit()) === undefined);
		}
		afterEach(async () => {
			await webhook.stop();
			await mounted.stop();
		});

		/** Runs `work` with pods and connections coming all the time; none of them may fail. */
		async function underLoad(work: () => Promise<void>): Promise<void> {
			const flows = [admit, handshake, handedOut].map(flow);
			try {
				await work();
			} finally {
				const wrong = await Promise.all(flows.map((one) => one.stop()));
				expect(wrong.flat()).toEqual([]);
			}
			for (const one of flows) expect(one.done()).toBeGreaterThan(50);
		}

		test('and none is refused', { timeout: 180_000 }, async () => {
			const own = await scratch('rotation');
			await begin(own.dir);
			const before = await stored();
			await underLoad(async () => {
				const { code, stderr, stdout } = await run(...NAMED, ...QUICK);
				expect([code, stderr + stdout]).toEqual([0, expect.stringContaining('1 of 1 replicas show')]);
			});
			const after = await stored();
			expect(await shown()).toBe(after.fingerprint256);
			expect(after.fingerprint256).not.toBe(before.fingerprint256);
			expect(await bundle()).toBe((await readPair(server))?.ca);
			await own.remove();
		});

		test('and leaves the old CA trusted while a kubelet is slow', { timeout: 180_000 }, async () => {
			const own = await scratch('rotation');
			await begin(own.dir);
			const before = await stored();
			await underLoad(async () => {
				mounted.pause();
				const slow = await run(...NAMED, ...QUICK, '--wait', '2');
				expect([slow.code, slow.stdout]).toEqual([3, expect.stringContaining('shows another certificate')]);
				expect(await shown()).toBe(before.fingerprint256);
				const early = await run('--finish', ...QUICK, '--wait', '1');
				expect([early.code, early.stdout]).toEqual([3, expect.stringContaining('The old CA stays trusted')]);
				mounted.resume();
				const end = await run('--finish', ...QUICK);
				expect([end.code, end.stderr]).toEqual([
					0,
					expect.stringContaining('trusts the CA of the Secret alone'),
				]);
			});
			expect(await bundle()).toBe((await readPair(server))?.ca);
			await own.remove();
		});

		test('twice at the same time, and the last one ends well', { timeout: 240_000 }, async () => {
			const own = await scratch('rotation');
			await begin(own.dir);
			await underLoad(async () => {
				const both = await Promise.all([run(...NAMED, ...QUICK), run(...NAMED, ...QUICK)]);
				for (const { code, stderr } of both) {
					if (code !== 0) expect(stderr).toMatch(/changed by someone else|another rotation/);
				}
				expect((await run(...NAMED, ...QUICK)).code).toBe(0);
			});
			expect(await bundle()).toBe((await readPair(server))?.ca);
			expect(await shown()).toBe((await stored()).fingerprint256);
			await own.remove();
		});

		test('ends at once when another rotation replaces the Secret while it waits', {
			timeout: 180_000,
		}, async () => {
			const own = await scratch('rotation');
			await begin(own.dir);
			const { fingerprint256: before } = await stored();
			mounted.pause();
			const waiting = run(...NAMED, ...QUICK);
			await until('the first rotation to write the Secret', async () => {
				return (await stored()).fingerprint256 !== before;
			});
			const second = await run(...NAMED, ...QUICK, '--wait', '1');
			expect(second.code).toBe(3);
			const first = await waiting;
			expect([first.code, first.stderr]).toEqual([
				1,
				expect.stringContaining('another rotation has replaced'),
			]);
			mounted.resume();
			expect((await run('--finish', ...QUICK)).code).toBe(0);
			expect(await shown()).toBe((await stored()).fingerprint256);
			await own.remove();
		});

		test('unseen, when told not to look', { timeout: 180_000 }, async () => {
			const own = await scratch('rotation');
			await begin(own.dir);
			await underLoad(async () => {
				const blind = await run(...NAMED, ...QUICK, '--no-look');
				expect([blind.code, blind.stdout]).toEqual([3, expect.stringContaining('--finish')]);
				const fresh = await stored();
				await until('the new certificate to be shown', async () => (await shown()) === fresh.fingerprint256);
				expect((await run('--finish', '--no-look', ...QUICK)).code).toBe(0);
			});
			expect(await bundle()).toBe((await readPair(server))?.ca);
			await own.remove();
		});
	});
});

test.each([
	{ args: ['--days', '0'], says: '--days' },
	{ args: ['--days', 'soon'], says: '--days' },
	{ args: ['--name', 'no/name'], says: 'a DNS name or an IP address' },
	{ args: ['--nmae', 'x'], says: '--name' },
	{ args: ['now'], says: 'too many arguments' },
])('wrong usage is told as such: $args', async ({ args, says }) => {
	const { code, stderr } = await certs(undefined, ...args);
	expect([code, stderr]).toEqual([2, expect.stringContaining(says)]);
});

test('--help explains every option and exit code', async () => {
	const { code, stdout } = await certs(undefined, '--help');
	expect(code).toBe(0);
	for (const word of ['--context', '--finish', '--print', '--json', 'Exit codes', 'Examples']) {
		expect(stdout).toContain(word);
	}
});
