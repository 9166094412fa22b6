import type { V1MutatingWebhookConfiguration, V1Secret } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { readable } from '../../pki/bundle.ts';
import { expectStatus } from '../support/kubernetes/cluster.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { makeAuthority } from '../support/tls.ts';
import { until } from '../support/until.ts';
import {
	bundleOf,
	fingerprint,
	installSelfManaged,
	NAMESPACE,
	overwriteBundle,
	type Replica,
	SECRET,
	startReplica,
	WEBHOOK_CONFIGURATION,
} from './self-managed/replica.ts';
import { describeOnApiServer } from './support.ts';

const SECRETS = `/api/v1/namespaces/${NAMESPACE}/secrets`;
const NAME = 'envtier-webhook-certificates';
const OURS = { 'app.kubernetes.io/managed-by': 'envtier-webhook' };
const MERGE = { contentType: 'application/merge-patch+json' } as const;
const CERT_MANAGER = 'cert-manager.io/inject-ca-from';
const SETTINGS = { ENVTIER_CERTIFICATES_SETTLE: '1s' } as const;
/** After a failure it looks again within a second. */
const AGAIN_MS = 1_500;
/** pino's number for it. */
const ERROR = 50;
const PATIENT = { timeoutMs: 90_000, everyMs: 100 };
/** The message about a Secret that Envtier did not create. */
const NOT_OURS = `the Secret ${NAMESPACE}/${NAME} was not made by the webhook and is left alone: delete it, or name another in ENVTIER_CERTIFICATES_SECRET`;

/** A foreign certificate and key, under the keys of a TLS Secret. */
async function pairOfSomebody(names = ['127.0.0.1']): Promise<Readonly<Record<string, string>>> {
	const authority = await makeAuthority(`Envtier other CA ${crypto.randomUUID()}`);
	const leaf = await authority.issue({ names });
	return { 'tls.crt': leaf.certPem, 'tls.key': leaf.keyPem, 'ca.crt': authority.certPem };
}

await describeOnApiServer(
	'a webhook that keeps its certificate itself, where somebody else was first,',
	(cluster) => {
		let place: Scratch;
		let kubeconfig: string;
		const running: Replica[] = [];
		beforeAll(async () => {
			place = await scratch('foreign');
			// Nothing here is called by the API server.
			kubeconfig = await installSelfManaged(cluster, place.dir, 1);
		});
		afterEach(async () => {
			for (const replica of running.splice(0)) await replica.process.stop(0);
			await cluster.request('DELETE', SECRET);
			await annotate(null);
			await overwriteBundle(cluster, '');
		});
		afterAll(async () => {
			await cluster.stop();
			await place?.remove();
		});

		async function start(): Promise<Replica> {
			const replica = await startReplica(kubeconfig, SETTINGS);
			running.push(replica);
			return replica;
		}
		const isReady = async (replica: Replica): Promise<boolean> => (await replica.readiness()).status === 200;
		const untilReady = (replica: Replica) => until('it to be ready', () => isReady(replica), PATIENT);
		/** Its log and its readiness say why it has no certificate. */
		async function complains(replica: Replica, sentence: string): Promise<void> {
			const logged = JSON.stringify({ problem: sentence }).slice(1, -1);
			await until('the log to say it', () => replica.process.stdout().includes(logged), PATIENT);
			const line =
				replica.process
					.stdout()
					.split('\n')
					.find((text) => text.includes(logged)) ?? '';
			expect(JSON.parse(line)).toMatchObject({ level: ERROR, msg: 'certificate reconciliation failed' });
			const { status, text } = await replica.readiness();
			expect([status, text]).toEqual([503, expect.stringContaining(sentence)]);
		}
		/** It has looked again since this was called. */
		async function looksAgain(): Promise<void> {
			const at = performance.now();
			await until('another look', () => performance.now() - at > AGAIN_MS);
		}
		const make = async (secret: V1Secret): Promise<V1Secret> =>
			expectStatus(
				await cluster.request<V1Secret>('POST', SECRETS, {
					...secret,
					metadata: { ...secret.metadata, name: NAME },
				}),
				201,
				'making the Secret',
			);
		const secret = async (): Promise<V1Secret> =>
			expectStatus(await cluster.request<V1Secret>('GET', SECRET), 200, 'reading the Secret');
		async function annotate(value: string | null): Promise<void> {
			const change = { metadata: { annotations: { [CERT_MANAGER]: value } } };
			expectStatus(await cluster.request('PATCH', WEBHOOK_CONFIGURATION, change, MERGE), 200, 'annotating');
		}
		const webhookConfiguration = async (): Promise<V1MutatingWebhookConfiguration> =>
			expectStatus(
				await cluster.request<V1MutatingWebhookConfiguration>('GET', WEBHOOK_CONFIGURATION),
				200,
				'reading the webhook configuration',
			);

		test.each<readonly [string, () => Promise<V1Secret>]>([
			['of other content', async () => ({ stringData: { password: 'test-not-secret' } })],
			[
				'that the certificate script has made',
				async () => ({
					metadata: { labels: { 'app.kubernetes.io/managed-by': 'envtier-certs' } },
					type: 'kubernetes.io/tls',
					stringData: await pairOfSomebody(),
				}),
			],
			['that is empty, of another kind', async () => ({ type: 'example.com/other' })],
		])('leaves a Secret of its name alone %s, says so, and goes on when it is deleted', async (_, made) => {
			const before = await make(await made());
			const replica = await start();
			await complains(replica, NOT_OURS);
			await looksAgain();
			expect(await secret()).toEqual(before);
			expect(await bundleOf(cluster)).toBe('');

			expectStatus(await cluster.request('DELETE', SECRET), 200, 'deleting the Secret');
			await untilReady(replica);
			expect((await secret()).metadata?.labels).toMatchObject(OURS);
			await until('its log to say so', () =>
				replica.process.stdout().includes('certificate reconciliation succeeded again'),
			);
		});

		test('shows what a Secret of somebody’s holds as long as the webhook configuration trusts it, and still writes to neither', async () => {
			const pair = await pairOfSomebody();
			const before = await make({ stringData: pair });
			await overwriteBundle(cluster, pair['ca.crt'] ?? '');
			const replica = await start();
			await untilReady(replica);
			expect(await replica.shown(pair['ca.crt'] ?? '')).toBe(fingerprint(pair['tls.crt']));
			expect(replica.process.stdout()).toContain(NOT_OURS);
			await looksAgain();
			expect(await secret()).toEqual(before);
			expect(await bundleOf(cluster)).toBe(pair['ca.crt']);
		});

		test('goes on with what it has when its Secret gives way to somebody’s, and says so', async () => {
			const replica = await start();
			await untilReady(replica);
			const trusted = await bundleOf(cluster);
			const shown = await replica.shown(trusted);
			expectStatus(await cluster.request('DELETE', SECRET), 200, 'deleting the Secret');
			// It may have made another at once.
			const before = await until('somebody’s to be there', async () => {
				await cluster.request('DELETE', SECRET);
				return await make({ stringData: await pairOfSomebody() });
			});
			await until('the log to say it', () => replica.process.stdout().includes(NOT_OURS), PATIENT);
			await looksAgain();
			expect(await secret()).toEqual(before);
			expect(await isReady(replica)).toBe(true);
			expect(await replica.shown(await bundleOf(cluster))).toBe(shown);
		});

		test('says what the API server says of a Secret of its own that is immutable', async () => {
			await make({ metadata: { labels: OURS }, immutable: true, stringData: { 'ca.crt': 'rubbish' } });
			const replica = await start();
			await until(
				'the log to say it',
				() => replica.process.stdout().includes('field is immutable'),
				PATIENT,
			);
			const { status, text } = await replica.readiness();
			expect([status, text]).toEqual([
				503,
				expect.stringContaining(`writing the Secret ${NAMESPACE}/${NAME}`),
			]);
		});

		test('leaves the caBundle alone that cert-manager keeps, says so, and goes on when the annotation is gone', async () => {
			const [theirs = ''] = Object.values(await pairOfSomebody()).slice(-1);
			await annotate(`${NAMESPACE}/envtier-webhook`);
			await overwriteBundle(cluster, theirs);
			const before = await webhookConfiguration();
			const replica = await start();
			await complains(
				replica,
				`cert-manager keeps the caBundle of the webhook configuration: take its annotation ${CERT_MANAGER} away, or set ENVTIER_CERTIFICATES to "files"`,
			);
			await looksAgain();
			expect(await webhookConfiguration()).toEqual(before);

			await annotate(null);
			await untilReady(replica);
			const trusted = readable(await bundleOf(cluster)).map((ca) => ca.fingerprint256);
			// Replicas of the other mode may show what that signed.
			expect(trusted).toEqual([fingerprint(decoded(await secret(), 'ca.crt')), fingerprint(theirs)]);
		});

		test('does not fight cert-manager over a caBundle that was its own before', async () => {
			const replica = await start();
			await untilReady(replica);
			const shown = await replica.shown(await bundleOf(cluster));
			await annotate(`${NAMESPACE}/envtier-webhook`);
			const [theirs = ''] = Object.values(await pairOfSomebody()).slice(-1);
			await overwriteBundle(cluster, theirs);
			await until(
				'the log to say it',
				() => replica.process.stdout().includes('cert-manager keeps'),
				PATIENT,
			);
			await looksAgain();
			expect(await bundleOf(cluster)).toBe(theirs);
			expect(await replica.shown(decoded(await secret(), 'ca.crt'))).toBe(shown);
		});
	},
);

function decoded({ data = {} }: V1Secret, key: string): string {
	return Buffer.from(data[key] ?? '', 'base64').toString('utf8');
}
