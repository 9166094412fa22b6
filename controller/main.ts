import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import process from 'node:process';
import pino from 'pino';
import { startServer } from '../lib/http/server.ts';
import { openKubernetes } from '../lib/kubernetes/client.ts';
import { joinElection } from '../lib/kubernetes/leader.ts';
import { createAsk } from '../lib/vault/ask.ts';
import { openVaultClient } from '../lib/vault/client.ts';
import { PAUSES } from '../lib/vault/response.ts';
import { openSession } from '../lib/vault/session.ts';
import manifest from '../package.json' with { type: 'json' };
import { createMetrics } from './metrics.ts';
import { type Rollouts, startRollouts } from './rollouts/rollouts.ts';
import { createStatusApp } from './server.ts';
import { readSettings } from './settings.ts';
import { openMetadata } from './vault/metadata.ts';
import { openFolders } from './vault/poll.ts';

/** Milliseconds for calls in flight when the process ends. */
const GRACE = 2_000;
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
const opened = await openKubernetes({ kubeconfig: settings.kubeconfig });
if (!opened.ok) fail(`no API server: ${opened.error}`);
const kubernetes = opened.value;

const vault = openVaultClient(settings.vault.endpoint, { pauses: PAUSES });
const session = openSession(vault, settings.vault.login, log);
const ask = createAsk({ client: vault, session, observe: () => undefined });
const reader = openMetadata(vault, ask, settings.vault.mount);
const folders = openFolders(reader, log, (result) => metrics.polled(result));

let rollouts: Rollouts | undefined;
const election = joinElection(
	kubernetes,
	// The name of the pod for people; the rest makes it unique after a restart of the container.
	{ namespace: settings.namespace, lease: LEASE, identity: `${hostname()}_${randomUUID().slice(0, 8)}` },
	log,
);
const metrics = createMetrics(manifest.version, {
	isLeader: election.isLeader,
	workloads: () => rollouts?.workloads() ?? 0,
	pending: () => rollouts?.pending() ?? 0,
	running: () => rollouts?.running() ?? 0,
	pollAge: folders.age,
});
let ending = false;
const app = createStatusApp({ metrics, notReady: () => (ending ? 'shutting down' : undefined) });
const server = await startServer({ app, at: settings, setting: 'ENVTIER_CONTROLLER_LISTEN', tls: undefined });
if (!server.ok) fail(server.error);
const { address, port } = server.value.address;
log.info({ address, port, rollouts: settings.rollouts !== undefined }, 'serving');
if (settings.rollouts === undefined)
	log.warn('nothing is switched on: set ENVTIER_CONTROLLER_ROLLOUTS to "true"');

async function end(reason: string, code: number): Promise<void> {
	if (ending) return;
	ending = true;
	log.info({ reason }, 'shutting down');
	await rollouts?.close();
	await election.release();
	session.close();
	vault.close();
	if (server.ok) await server.value.stop(GRACE);
	log.info('ended');
	process.exit(code);
}
process.once('SIGTERM', (signal) => void end(signal, 0));
process.once('SIGINT', (signal) => void end(signal, 0));
void election.lost.then(() => end('another replica leads', 1));

await election.elected;
if (settings.rollouts !== undefined && !ending)
	rollouts = await startRollouts({
		client: kubernetes,
		folders,
		vault: { namespace: settings.vault.endpoint.namespace, mount: settings.vault.mount },
		settings: settings.rollouts,
		fieldManager: settings.fieldManager,
		metrics,
		log,
		isLeader: election.isLeader,
	});
