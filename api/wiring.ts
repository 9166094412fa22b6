import type { Express } from 'express';
import type { Logger } from 'pino';
import type { VaultAccess } from '../lib/vault/ask.ts';
import { openVaultClient } from '../lib/vault/client.ts';
import { PAUSES } from '../lib/vault/response.ts';
import { openSession } from '../lib/vault/session.ts';
import type { AccessMode } from './access/authorize.ts';
import { startBackfill } from './access/backfill.ts';
import type { StampedLine } from './audit/lines.ts';
import { createRecorder, replicaName } from './audit/recorder.ts';
import { limitQueries } from './audit/store/limited.ts';
import { openAuditStore, purgeDaily } from './audit/store/open.ts';
import { type Access, createAccess } from './auth/access.ts';
import type { KeyRecord } from './auth/api-key.ts';
import { findStoredKey } from './auth/key-store.ts';
import { openCluster } from './auth/kubernetes.ts';
import { createSessionCheck } from './auth/oidc.ts';
import { atMostEvery } from './concurrency.ts';
import { startRecovery, type UndoQueue } from './deployments/recovery.ts';
import { openReveal } from './reveal/open.ts';
import { OPERATIONS } from './routes/all.ts';
import { REVEAL_OPERATIONS } from './routes/all-reveal.ts';
import type { ReadVersion } from './secrets/versions.ts';
import { createApp } from './server/app.ts';
import { createLimits } from './server/limits.ts';
import { createMetrics, type Metrics } from './server/metrics.ts';
import { openApiOf } from './server/openapi.ts';
import { REVEAL_AUDIENCE } from './settings/reveal.ts';
import type { Settings } from './settings/settings.ts';
import { createMemoryStore } from './store/memory.ts';
import type { Store } from './store/store.ts';
import { createVaultStore } from './store/vault.ts';
import { watchRights } from './store/watch-rights.ts';
import { startExpiryWatch } from './typed/expiry-watch.ts';
import { createGenerators } from './types/generators.ts';

/** The API, ready to serve. */
export interface Api {
	readonly app: Express;
	/** Makes `/readyz` fail from now on, so that no new calls are routed to this process. */
	drain(): void;
	/** Stops the background work. Stores the audit lines that wait. */
	close(): Promise<void>;
}

/** What the process provides to the API besides the settings. */
export interface ProcessContext {
	readonly log: Logger;
	/** Writes an audit line before it returns. */
	readonly audit: (line: StampedLine) => void;
	/** The name of the host. */
	readonly host: string;
	/** Keys of the operator's file. */
	readonly keys: readonly KeyRecord[];
	readonly version: string;
	readonly now: () => Date;
	/** Reads the value of an old version. Only the Reveal program has it. */
	readonly readVersion?: ReadVersion;
}

/** Recovery intervals in ms: between retries of failed undos, and between searches for abandoned attempts. */
const RECOVERY = { retry: 2_000, sweep: 60_000 };

/** Time between two searches for deployments without an access record, in ms. */
const BACKFILL_INTERVAL = 3_600_000;

/** Times in ms of the count of certificates: after the start, and between two counts. */
const EXPIRY_WATCH = { first: 30_000, interval: 3_600_000 };

/** Minimum time between two requests to Vault for `/readyz`, in ms. Anybody may call that path. */
const READY_INTERVAL = 1_000;

/** Composes the API from its settings. */
export async function createApi(settings: Settings, around: ProcessContext): Promise<Api> {
	const { log, version, now } = around;
	const metrics = createMetrics();
	const auditStore = await openAuditStore(settings.auditStore);
	const audit = createRecorder(around.audit, auditStore, { replica: replicaName(around.host), log });
	if (auditStore !== undefined) metrics.watchAudit(audit.counts);
	const stopPurge = purgeDaily(settings.auditStore, settings.auditRetention, log);
	const { store, vault, close } = openStore(settings, metrics, log);
	const reveal = openRevealOf(settings, store, vault);
	const recovery =
		store === undefined || reveal !== undefined
			? undefined
			: startRecovery(store, log, { ...RECOVERY, now, audit: audit.sink });
	const accessMode = accessModeOf(settings);
	const stopBackfill =
		store === undefined || accessMode !== 'api' ? undefined : startBackfill(store, log, BACKFILL_INTERVAL);
	const rights = store === undefined || reveal !== undefined ? undefined : watchRights(store, log);
	const stopExpiryWatch =
		store === undefined || reveal !== undefined
			? undefined
			: startExpiryWatch(store, metrics.recordCertificates, log, { ...EXPIRY_WATCH, now });
	const access = await openAccess(settings, store, around);
	const operations = reveal === undefined ? OPERATIONS : REVEAL_OPERATIONS;
	let draining = false;
	const storeProblem = atMostEvery(READY_INTERVAL, () => problemOf(store, log));
	const notReady = async () => (draining ? 'shutting down' : await storeProblem());
	const app = createApp({
		operations,
		openApi: openApiOf(operations, version),
		services:
			store === undefined
				? undefined
				: {
						...{ store, undoQueue: recovery ?? NO_UNDO, now },
						reveal: reveal?.services,
						nameRules: settings.nameRules,
						accessMode,
						revealUrl: settings.revealUrl,
						generators: createGenerators(),
						auditStore: auditStore && limitQueries(auditStore),
						auditRetention: settings.auditRetention,
						overwritesPerHour: settings.overwritesPerHour,
						readVersion: around.readVersion,
					},
		access,
		limits: createLimits(settings.limits),
		metrics,
		audit,
		log,
		login: settings.login,
		bodyLimit: settings.bodyLimit,
		trustProxy: settings.trustProxy,
		notReady,
		now,
	});
	return {
		app,
		drain: () => {
			draining = true;
		},
		close: async () => {
			recovery?.stop();
			stopExpiryWatch?.();
			stopBackfill?.();
			stopPurge();
			rights?.stop();
			reveal?.close();
			close();
			await audit.stop();
			await auditStore?.close();
		},
	};
}

/** The Reveal program creates no deployments, so it has nothing to undo. */
const NO_UNDO: UndoQueue = { add: () => undefined, settle: () => Promise.resolve() };

function accessModeOf({ reveal, revealUrl }: Settings): AccessMode {
	if (reveal !== undefined) return 'reveal';
	return revealUrl === undefined ? 'api' : 'api-beside-reveal';
}

function openRevealOf(
	{ reveal, store: kind }: Settings,
	store: Store | undefined,
	vault: VaultAccess | undefined,
): ReturnType<typeof openReveal> | undefined {
	if (reveal === undefined || store === undefined || vault === undefined || kind.kind !== 'vault')
		return undefined;
	return openReveal(reveal, kind, store, vault);
}

/** Opens the ways to authenticate: keys of the operator's file and of the store, sessions, the cluster. */
async function openAccess(
	{ oidc, cluster, reveal }: Settings,
	store: Store | undefined,
	{ keys, now }: ProcessContext,
): Promise<Access> {
	const byId = new Map(keys.map((key) => [key.id, key]));
	return createAccess({
		findKey:
			reveal === undefined
				? async (id) => byId.get(id) ?? (store === undefined ? undefined : findStoredKey(store, id))
				: undefined,
		onlyAudience: reveal === undefined ? undefined : REVEAL_AUDIENCE,
		sessions:
			oidc === undefined ? undefined : { issuer: oidc.issuer, authenticate: createSessionCheck(oidc) },
		cluster: cluster === undefined ? undefined : await openCluster(cluster.kubeconfig, cluster.audience),
		clusterOrg: cluster?.org,
		now,
	});
}

/** Why the store cannot take calls; undefined if it can. The text is public, and the log has the details. */
async function problemOf(store: Store | undefined, log: Logger): Promise<string | undefined> {
	if (store === undefined) return 'no store is configured';
	try {
		await store.check();
		return undefined;
	} catch (thrown) {
		log.warn({ problem: String(thrown) }, 'not ready');
		return 'the secret store cannot take calls';
	}
}

function openStore(
	{ store: kind }: Settings,
	metrics: Metrics,
	log: Logger,
): { store: Store | undefined; vault: VaultAccess | undefined; close: () => void } {
	if (kind.kind === 'none') return { store: undefined, vault: undefined, close: () => undefined };
	if (kind.kind === 'memory') return { store: createMemoryStore(), vault: undefined, close: () => undefined };
	const client = openVaultClient(kind.endpoint, { pauses: PAUSES });
	const session = openSession(client, kind.login, log);
	const vault = { client, session, observe: metrics.recordStoreRequest };
	return {
		store: createVaultStore({ ...vault, mount: kind.mount }),
		vault,
		close: () => {
			session.close();
			client.close();
		},
	};
}
