import type { TestProject } from 'vitest/node';
import { ok, type Result } from '../../../contract/result.ts';
import { startApiServer } from '../../support/kubernetes/apiserver.ts';
import { type Cluster, connect } from '../../support/kubernetes/cluster.ts';
import { existingCluster } from '../../support/kubernetes/existing.ts';
import { trustCluster } from '../../support/kubernetes/vault-auth.ts';
import { registerWebhook } from '../../support/kubernetes/webhook-configuration.ts';
import { startOpenBao } from '../../support/openbao.ts';
import type { SharedServers } from '../../support/servers.ts';
import { startWebhook } from '../../support/webhook.ts';

/**
 * Starts the servers that all tests of this folder share: an API server, an OpenBao that trusts it, and the
 * shipped webhook. Returns the function that stops them.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
	const endings: (() => Promise<void>)[] = [];
	const teardown = async (): Promise<void> => {
		for (const end of endings.splice(0).reverse()) await end();
	};
	try {
		project.provide('servers', await start(endings));
		return teardown;
	} catch (thrown) {
		await teardown();
		throw thrown;
	}
}

async function start(endings: (() => Promise<void>)[]): Promise<Result<SharedServers>> {
	const cluster = await startCluster(endings);
	if (!cluster.ok) return cluster;
	const bao = await startOpenBao();
	endings.push(bao.stop);
	await trustCluster(bao, cluster.value);
	const env = { ENVTIER_VAULT_ADDR: bao.addr, ENVTIER_VAULT_CA: bao.caPem };
	const webhook = await startWebhook(env, cluster.value.webhookHost);
	endings.push(webhook.stop);
	endings.push(await registerWebhook(cluster.value, webhook));
	const { url, caPem, administrator, kubeconfig, auditLog, webhookHost } = cluster.value;
	return ok({
		cluster: { url, caPem, administrator, kubeconfig, auditLog, webhookHost },
		vault: { addr: bao.addr, caPem: bao.caPem, rootToken: bao.rootToken },
	});
}

async function startCluster(endings: (() => Promise<void>)[]): Promise<Result<Cluster>> {
	const existing = await existingCluster();
	if (existing !== undefined) return existing.ok ? ok(connect(existing.value)) : existing;
	const own = await startApiServer();
	if (own.ok) endings.push(own.value.stop);
	return own;
}
