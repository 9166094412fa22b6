import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { jsonLines } from '../lib/audit/lines.ts';
import { replicaName, stampLines } from '../lib/audit/stamp.ts';
import { startServer } from '../lib/http/server.ts';
import { openKubernetes } from '../lib/kubernetes/client.ts';
import { joinElection } from '../lib/kubernetes/leader.ts';
import { createRegistry } from '../lib/metrics.ts';
import { createAsk } from '../lib/vault/ask.ts';
import { openVaultClient } from '../lib/vault/client.ts';
import { PAUSES } from '../lib/vault/response.ts';
import { openSession } from '../lib/vault/session.ts';
import manifest from '../package.json' with { type: 'json' };
import { managedSecretReconciler } from './managed-secrets/reconciler.ts';
import { addProcessMetrics } from './metrics.ts';
import type { Reconciler, ReconcilerParts, RunningReconciler } from './reconciler.ts';
import { rolloutReconciler } from './rollouts/reconciler.ts';
import { rotationReconciler } from './rotation/reconciler.ts';
import { createStatusApp } from './server.ts';
import { readSettings } from './settings.ts';

/** Milliseconds for calls in flight when the process ends. */
const GRACE = 2_000;
/**
 * Milliseconds for what reconcilers have in flight, before the Lease is given back. A write that takes longer
 * does no harm beside those of the next leader: each has a precondition.
 */
const DRAIN = 2_000;
/** Connections to the API server beside the watches. */
const CONNECTIONS = 16;
/** The name of the Lease. */
const LEASE = 'envtier-controller';

function fail(message: string): never {
	process.stderr.write(`envtier-controller: ${message}\n`);
	process.exit(1);
}

const read = readSettings(process.env);
if (!read.ok) fail(`the settings are wrong:\n${read.error}`);
const settings = read.value;
const log = pino({ level: settings.logLevel, name: 'envtier-controller' });
const opened = await openKubernetes({ kubeconfig: settings.kubeconfig, connections: CONNECTIONS });
if (!opened.ok) fail(`no API server: ${opened.error}`);
const kubernetes = opened.value;

const client = openVaultClient(settings.vault.endpoint, { pauses: PAUSES });
const session = openSession(client, settings.vault.login, log);
const election = joinElection(
	kubernetes,
	// The name of the pod for people; the rest makes it unique after a restart of the container.
	{ namespace: settings.namespace, lease: LEASE, identity: `${hostname()}_${randomUUID().slice(0, 8)}` },
	log,
);
const { isLeader } = election;
const registry = createRegistry();
addProcessMetrics(registry, manifest.version, isLeader);
const ask = createAsk({ client, session, observe: () => undefined });
const vault = {
	...{ client, ask, mount: settings.vault.mount },
	namespace: settings.vault.endpoint.namespace,
};
const { fieldManager } = settings;
const parts: ReconcilerParts = { client: kubernetes, vault, fieldManager, registry, log, isLeader };
const { rollouts, managedSecrets, rotation } = settings.reconcilers;
// On standard output, as those of the API: `envtier audit --load` takes both.
const audit = stampLines(
	jsonLines((line) => void process.stdout.write(line)),
	replicaName(hostname()),
);
const reconcilers: readonly Reconciler[] = [
	...(rollouts ? [rolloutReconciler(parts, rollouts)] : []),
	...(managedSecrets ? [managedSecretReconciler(parts, managedSecrets, settings.vault.endpoint)] : []),
	...(rotation ? [rotationReconciler(parts, rotation, audit)] : []),
];
const running: RunningReconciler[] = [];

let ending = false;
const app = createStatusApp({ metrics: registry, notReady: () => (ending ? 'shutting down' : undefined) });
const server = await startServer({ app, at: settings, setting: 'ENVTIER_CONTROLLER_LISTEN', tls: undefined });
if (!server.ok) fail(server.error);
const { address, port } = server.value.address;
log.info({ address, port, reconcilers: reconcilers.map(({ name }) => name) }, 'serving');
if (reconcilers.length === 0)
	log.warn(
		'nothing is switched on: set ENVTIER_CONTROLLER_ROLLOUTS, ENVTIER_CONTROLLER_MANAGED_SECRETS or ENVTIER_CONTROLLER_ROTATION to "true"',
	);

async function end(reason: string, code: number): Promise<void> {
	if (ending) return;
	ending = true;
	log.info({ reason }, 'shutting down');
	await Promise.race([Promise.all(running.map((one) => one.close())), sleep(DRAIN)]);
	await election.release();
	session.close();
	client.close();
	if (server.ok) await server.value.stop(GRACE);
	log.info('ended');
	process.exit(code);
}
process.once('SIGTERM', (signal) => void end(signal, 0));
process.once('SIGINT', (signal) => void end(signal, 0));
void election.lost.then(() => end('another replica leads', 1));

await election.elected;
for (const reconciler of reconcilers) if (!ending) running.push(await reconciler.start());
