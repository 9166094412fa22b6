/**
 * Shows Envtier without a cluster: the built webhook, secrets API, command line and fetcher as processes,
 * with the embedded Vault.
 */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { startDevVault } from '../vault/start.ts';
import { makeLifetime } from './lifetime.ts';
import { type Options, readOptions } from './options.ts';
import { startSecretsApi } from './run/api.ts';
import { makeVolumes } from './run/volumes.ts';
import { startWebhook } from './run/webhook.ts';
import { registeredName } from './run/webhook-configuration.ts';
import { openScreen, type Screen } from './screen.ts';
import { showAdmission } from './steps/admission.ts';
import { showApplication } from './steps/application.ts';
import { showFetch } from './steps/fetch.ts';
import { showNext } from './steps/next.ts';
import { showPurpose } from './steps/purpose.ts';
import { showRefusal } from './steps/refusal.ts';
import { showSecret } from './steps/secret.ts';
import { showWrittenPod } from './steps/written-pod.ts';

const { resources, close, isOver } = makeLifetime();

/** Ends the process after the cleanup. */
const end = (code: number): void => void close().finally(() => process.exit(code));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
	process.once(signal, () => end(128 + constants.signals[signal]));
// The reader may close the pipe early (`make demo | head`).
process.stdout.on('error', () => end(0));

try {
	await demo(openScreen(process.stdout), readOptions(process.argv.slice(2)));
} catch (thrown) {
	if (!isOver()) {
		const message = thrown instanceof Error ? thrown.message : String(thrown);
		const screen = openScreen(process.stderr);
		screen.say('', `${screen.paint('failure', 'The demo stopped:')} ${message}`);
		process.exitCode = 1;
	}
} finally {
	await close();
}

async function demo(screen: Screen, options: Options): Promise<void> {
	const dir = await mkdtemp(join(tmpdir(), 'envtier-demo-'));
	resources.defer(() => rm(dir, { recursive: true, force: true }));
	const [volumesDir, webhookDir, apiDir] = [join(dir, 'volumes'), join(dir, 'webhook'), join(dir, 'api')];
	await Promise.all([volumesDir, webhookDir, apiDir].map((folder) => mkdir(folder)));

	const secrets = await readFile(options.secrets, 'utf8');
	const vault = resources.use(await startDevVault({ content: secrets, fileName: options.secrets }));
	const webhook = resources.use(
		await startWebhook(webhookDir, {
			ENVTIER_FETCHER_IMAGE: 'envtier-fetcher:0.1.0',
			ENVTIER_DEFAULT_ORG: 'acme',
			ENVTIER_NATIVE_ENV: 'false',
			ENVTIER_VAULT_ADDR: vault.addr,
			ENVTIER_VAULT_CA: vault.caPem,
		}),
	);

	showPurpose(screen);
	const pod = await showWrittenPod(screen, options.pod);
	const admitted = await showAdmission(screen, webhook, pod);
	await showSecret(screen, (org) => startSecretsApi(apiDir, vault, org), admitted);
	const volumes = await makeVolumes(admitted, volumesDir);
	await showFetch(screen, { pod: admitted, volumes, vault, vaultFile: options.secrets, dir });
	await showApplication(screen, {
		pod: admitted,
		volumes,
		path: process.env['PATH'] ?? '',
		showValues: options.showValues,
	});
	await showRefusal(screen, webhook, pod, await registeredName());
	showNext(screen, performance.now() / 1000);
}
