import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VariableName } from '../../contract/variables.ts';
import { bundleOf } from './bundles.ts';
import { type RunningProcess, startProcess } from './process.ts';
import { shippedOptions } from './shipped-options.ts';
import { makeAuthority } from './tls.ts';

/** Settings of the webhook that a test chooses itself. */
export type WebhookEnv = Partial<Record<VariableName, string>> & {
	readonly ENVTIER_VAULT_ADDR: string;
};

/** A webhook that runs as a process of its own, with a certificate of its own. */
export interface RunningWebhook {
	/** `https://host:port`, without a path. */
	readonly url: string;
	/** What its certificate is checked against. */
	readonly caPem: string;
	readonly process: RunningProcess;
	stop(): Promise<void>;
}

/**
 * Starts the shipped webhook, configured by `ENVTIER_*` variables only, as in its image. Ready when this
 * resolves.
 */
export async function startWebhook(env: WebhookEnv, host = '127.0.0.1'): Promise<RunningWebhook> {
	const dir = await mkdtemp(join(tmpdir(), 'envtier-webhook-'));
	const authority = await makeAuthority('Envtier test webhook CA');
	const leaf = await authority.issue({ names: [host, 'envtier-webhook.envtier-system.svc'] });
	await writeFile(join(dir, 'tls.crt'), leaf.certPem);
	await writeFile(join(dir, 'tls.key'), leaf.keyPem, { mode: 0o600 });
	const started = await startProcess({
		name: 'webhook',
		command: process.execPath,
		args: [...(await shippedOptions()), await bundleOf('webhook')],
		env: {
			ENVTIER_LISTEN: `${host}:0`,
			ENVTIER_TLS_CERT_FILE: join(dir, 'tls.crt'),
			ENVTIER_TLS_KEY_FILE: join(dir, 'tls.key'),
			ENVTIER_FETCHER_IMAGE: 'envtier-fetcher:test',
			...env,
		},
	});
	const stop = async (): Promise<void> => {
		await started.stop();
		await rm(dir, { recursive: true, force: true });
	};
	try {
		await started.waitUntil('it serves', () => servingPort(started.stdout()));
		const url = `https://${host}:${servingPort(started.stdout())}`;
		return { url, caPem: authority.certPem, process: started, stop };
	} catch (thrown) {
		await stop();
		throw thrown;
	}
}

/** The port that the kernel chose, as the log line "serving" tells it. */
function servingPort(log: string): number | undefined {
	const line = log.split('\n').find((text) => text.includes('"msg":"serving"'));
	return line === undefined ? undefined : (JSON.parse(line) as { port: number }).port;
}
