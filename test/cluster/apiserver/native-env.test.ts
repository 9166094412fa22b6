import type { V1Pod } from '@kubernetes/client-node';
import jsonpatch from 'fast-json-patch';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPod, podOf } from '../../support/kubernetes/pods.ts';
import { grantShippedRights, webhookKubeconfig } from '../../support/kubernetes/webhook-account.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';
import { describeWithServers } from '../../support/servers.ts';
import { type RunningWebhook, startWebhook } from '../../support/webhook.ts';
import { decidedOn } from './support/decided.ts';
import { hasNativeVariables, keepsNativeVariables, minorOf } from './support/version.ts';

/** A namespace that the webhook configuration leaves out. */
const UNSEEN = 'envtier-system';

describeWithServers(
	'native variables, of a webhook that asks the API server for its version,',
	({ cluster }) => {
		let place: Scratch;
		let webhook: RunningWebhook;
		let minor: number;
		beforeAll(async () => {
			place = await scratch('native-env');
			await grantShippedRights(cluster);
			minor = await minorOf(cluster);
			webhook = await startWebhook({
				ENVTIER_VAULT_ADDR: 'https://vault.example:8200',
				ENVTIER_DEFAULT_ORG: 'acme',
				ENVTIER_ORG_LABEL: 'ignore',
				ENVTIER_KUBECONFIG: await webhookKubeconfig(cluster, place.dir),
			});
		});
		afterAll(async () => {
			await webhook?.stop();
			await place?.remove();
		});

		const pod = podOf({ envtier: { deployment: 'shop', format: 'none', env: 'LEVEL' } });
		test('are kept in the pod from Kubernetes 1.35 on, and refused with the cure before', async () => {
			const { allowed, patch = '', status } = await decidedOn(webhook, pod);
			if (!keepsNativeVariables(minor)) {
				expect([allowed, status?.message]).toEqual([
					false,
					expect.stringContaining(
						`this API server is Kubernetes 1.${minor} and would drop them: they need 1.35; source the file instead`,
					),
				]);
				return;
			}
			expect(allowed, status?.message).toBe(true);
			const operations = JSON.parse(Buffer.from(patch, 'base64').toString('utf8'));
			const injected: V1Pod = jsonpatch.applyPatch(structuredClone(pod), operations).newDocument;
			await cluster.createNamespace({ name: UNSEEN });
			const made = await createPod(cluster, UNSEEN, injected, 'dryRun=All');
			expect(made.status, made.body.message).toBe(201);
			expect(hasNativeVariables(made.body)).toBe(true);
			// It adds what holds by default.
			const asked = injected.spec?.containers.map(({ env }) => env) ?? [];
			expect(made.body.spec?.containers.map(({ env }) => env)).toMatchObject(asked);
		});
	},
);
