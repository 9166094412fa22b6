import type { V1Container, V1Pod } from '@kubernetes/client-node';
import jsonpatch from 'fast-json-patch';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { createPod, podOf } from '../../support/kubernetes/pods.ts';
import { applyInjectionPolicy } from '../../support/kubernetes/require-injection.ts';
import { grantShippedRights, webhookKubeconfig } from '../../support/kubernetes/webhook-account.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';
import { describeWithServers } from '../../support/servers.ts';
import { type RunningWebhook, startWebhook } from '../../support/webhook.ts';
import { decidedOn } from './support/decided.ts';
import { keepsRestartRules, minorOf } from './support/version.ts';

/** A namespace that the webhook configuration and the policies leave out. */
const UNSEEN = 'envtier-system';
const RULES = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [97] } }];

// An API server of its own: elsewhere no policy requires injection.
describeWithServers('in-place restart, of a webhook that asks the API server for its version,', () => {
	let cluster: ApiServer;
	let place: Scratch;
	let webhook: RunningWebhook;
	let minor: number;
	beforeAll(async () => {
		const started = await startApiServer();
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		place = await scratch('in-place-restart');
		await grantShippedRights(cluster);
		minor = await minorOf(cluster);
		webhook = await startWebhook({
			ENVTIER_VAULT_ADDR: 'https://vault.example:8200',
			ENVTIER_DEFAULT_ORG: 'acme',
			ENVTIER_ORG_LABEL: 'ignore',
			ENVTIER_KUBECONFIG: await webhookKubeconfig(cluster, place.dir),
		});
		await applyInjectionPolicy(cluster);
		await cluster.createNamespace({ name: UNSEEN });
	});
	afterAll(async () => {
		await webhook?.stop();
		await place?.remove();
		await cluster?.stop();
	});

	const pod = podOf({
		envtier: { deployment: 'shop', refresh: 'true', 'on-change': 'restart', spread: '10m' },
		spec: { securityContext: { runAsUser: 1000 } },
	});

	async function injected(): Promise<V1Pod> {
		const { allowed, patch = '', status } = await decidedOn(webhook, pod);
		expect(allowed, status?.message).toBe(true);
		const operations = JSON.parse(Buffer.from(patch, 'base64').toString('utf8'));
		return jsonpatch.applyPatch(structuredClone(pod), operations).newDocument;
	}

	const sidecarOf = (made: V1Pod): V1Container => {
		const sidecar = made.spec?.initContainers?.find(({ name }) => name === 'envtier-refresh');
		if (sidecar === undefined) throw new Error('the pod has no sidecar');
		return sidecar;
	};

	test('is kept in the pod from Kubernetes 1.36 on, and refused with the cure before', async () => {
		if (!keepsRestartRules(minor)) {
			const { allowed, status } = await decidedOn(webhook, pod);
			expect([allowed, status?.message]).toEqual([
				false,
				expect.stringContaining(
					`but this API server is Kubernetes 1.${minor}, and it needs 1.36. A signal or a POST works without a restart`,
				),
			]);
			return;
		}
		const asked = await injected();
		const made = await createPod(cluster, UNSEEN, asked, 'dryRun=All');
		expect(made.status, made.body.message).toBe(201);
		const { restartPolicyRules, readinessProbe } = sidecarOf(made.body);
		expect(restartPolicyRules).toEqual(RULES);
		// With every default, so that a further review finds nothing to change.
		expect(readinessProbe).toEqual(sidecarOf(asked).readinessProbe);
	});

	test('passes the policy that requires injection as it was injected, and with no other rule', async () => {
		if (!keepsRestartRules(minor)) {
			expect((await decidedOn(webhook, pod)).allowed).toBe(false);
			return;
		}
		const namespace = await cluster.createNamespace();
		await cluster.createServiceAccount(namespace, 'web');
		const attempt = async (change: (sidecar: V1Container) => void) => {
			const changed = structuredClone(await injected());
			change(sidecarOf(changed));
			return createPod(cluster, namespace, changed, 'dryRun=All');
		};
		const intact = await attempt(() => undefined);
		expect(intact.status, intact.body.message).toBe(201);
		const refused: Readonly<Record<string, unknown[] | undefined>> = {
			'no rule': undefined,
			'another action': [{ action: 'Restart', exitCodes: { operator: 'In', values: [97] } }],
			'another exit code': [{ ...RULES[0], exitCodes: { operator: 'In', values: [1] } }],
			'a second rule': [...RULES, { ...RULES[0], exitCodes: { operator: 'In', values: [1] } }],
		};
		for (const [what, rules] of Object.entries(refused)) {
			const { status, body } = await attempt((sidecar) => {
				Object.assign(sidecar, { restartPolicyRules: rules });
			});
			expect([what, status, body.message]).toEqual([
				what,
				422,
				expect.stringMatching(/envtier-require-injection.*no sidecar "envtier-refresh"/),
			]);
		}
	});
});
