import type { Express } from 'express';
import type { Logger } from 'pino';
import type { AuditSink, StampedLine } from '../lib/audit/lines.ts';
import { replicaName } from '../lib/audit/stamp.ts';
import type { VaultAccess } from '../lib/vault/ask.ts';
import { openVaultClient } from '../lib/vault/client.ts';
import { createKnownIndex } from '../lib/vault/known-index.ts';
import { PAUSES } from '../lib/vault/response.ts';
import { openSession } from '../lib/vault/session.ts';
import type { AccessMode } from './access/authorize.ts';
import { backfillAccess } from './access/backfill.ts';
import { createRecorder } from './audit/recorder.ts';
import { limitQueries } from './audit/store/limited.ts';
import { openAuditStore, purgeDaily } from './audit/store/open.ts';
import { type Access, createAccess } from './auth/access.ts';
import type { KeyRecord } from './auth/api-key.ts';
import { findStoredKey, indexKeys } from './auth/key-store.ts';
import { openCluster } from './auth/kubernetes.ts';
import { createSessionCheck } from './auth/oidc.ts';
import { startBackfill } from './backfill.ts';
import { readDashboard } from './dashboard/files.ts';
import type { Dashboard } from './dashboard/routes.ts';
import { type Recovery, startRecovery, type UndoQueue } from './deployments/recovery.ts';
import { openReveal } from './reveal/open.ts';
import type { RevealPage } from './reveal/page.ts';
import { createPageSignIn } from './reveal/page-sign-in.ts';
import { OPERATIONS } from './routes/all.ts';
import { REVEAL_OPERATIONS } from './routes/all-reveal.ts';
import { startTombstoneWatch } from './secrets/tombstone-watch.ts';
import type { ReadVersion } from './secrets/versions.ts';
import { createApp } from './server/app.ts';
import { createLimits } from './server/limits.ts';
import { createMetrics, type Metrics } from './server/metrics.ts';
import { openApiOf } from './server/openapi.ts';
import { createReadiness } from './server/readiness.ts';
import { openSessions } from './session/open.ts';
import { REVEAL_AUDIENCE } from './settings/reveal.ts';
import type { Settings } from './settings/settings.ts';
import { createMemoryStore } from './store/memory.ts';
import type { Store } from './store/store.ts';
import { createVaultStore } from './store/vault.ts';
import { API_POLICY, type ProgramPolicy, REVEAL_POLICY } from './store/vault-rights.ts';
import { type RightsWatch, watchRights } from './store/watch-rights.ts';
import { startExpiryWatch } from './typed/expiry-watch.ts';
import { startRotationWatch } from './typed/rotation-index.ts';
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
	/** The URL of a module with the dashboard's files beside it; by default they are found by themselves. */
	readonly dashboardBeside?: string;
}

/** Recovery intervals in ms: between retries of failed undos, and between searches for abandoned attempts. */
const RECOVERY = { retry: 2_000, sweep: 60_000 };

/** Time between two searches for what an earlier version did not write, in ms. */
const BACKFILL_INTERVAL = 3_600_000;

/** Times in ms of the counts of certificates and of rotations: after the start, and between two counts. */
const COUNTS = { first: 30_000, interval: 3_600_000 };

/** Times in ms of the removal of tombstones: after the start, and between two removals. */
const TOMBSTONE_WATCH = { first: 60_000, interval: 3_600_000 };

const DAY = 86_400_000;

/** Composes the API from its settings. */
export async function createApi(settings: Settings, around: ProcessContext): Promise<Api> {
	const { log, version, now } = around;
	const metrics = createMetrics();
	const auditStore = await openAuditStore(settings.auditStore);
	const audit = createRecorder(around.audit, auditStore, { replica: replicaName(around.host), log });
	if (auditStore !== undefined) metrics.watchAudit(audit.counts);
	const stopPurge = purgeDaily(settings.auditStore, settings.auditRetention, log);
	const { store, vault, close } = openStore(settings, metrics, log);
	const reveal = openRevealOf(settings, store, vault, log);
	const accessMode = accessModeOf(settings);
	const work =
		store === undefined
			? undefined
			: startWork(store, { settings, accessMode, metrics, log, now, audit: audit.sink });
	const access = await openAccess(settings, store, around);
	const operations = reveal === undefined ? OPERATIONS : REVEAL_OPERATIONS;
	const readiness = createReadiness(store, work?.rights, log);
	const dashboard = await openDashboard(settings, store, around);
	const app = createApp({
		operations,
		openApi: openApiOf(operations, version),
		services:
			store === undefined
				? undefined
				: {
						...{ store, undoQueue: work?.recovery ?? NO_UNDO, now },
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
		dashboard,
		revealPage: await openRevealPage(settings, around),
		bodyLimit: settings.bodyLimit,
		trustProxy: settings.trustProxy,
		readiness,
		now,
	});
	return {
		app,
		drain: readiness.drain,
		close: async () => {
			work?.stop();
			dashboard?.sessions.stop();
			stopPurge();
			reveal?.close();
			close();
			await audit.stop();
			await auditStore?.close();
		},
	};
}

async function openDashboard(
	{ dashboard, revealUrl, oidc }: Settings,
	store: Store | undefined,
	{ version, dashboardBeside, log, now }: ProcessContext,
): Promise<Dashboard | undefined> {
	if (dashboard === undefined) return undefined;
	const files = await readDashboard(dashboardBeside);
	return {
		files,
		// Without a store every call is answered 503; people can sign in all the same, and see it.
		sessions: await openSessions(dashboard, oidc, { store: store ?? createMemoryStore(now), log, now }),
		config: { version, revealUrl },
	};
}

/** Counts certificates and rotations for the metrics. Returns a function that stops it. */
function startCounts(store: Store, metrics: Metrics, log: Logger, now: () => Date): () => void {
	const stops = [
		startExpiryWatch(store, metrics.recordCertificates, log, { ...COUNTS, now }),
		startRotationWatch(store, metrics.recordRotations, log, { ...COUNTS, now }),
	];
	return () => {
		for (const stop of stops) stop();
	};
}

async function openRevealPage(
	{ reveal, login, oidc }: Settings,
	{ dashboardBeside }: ProcessContext,
): Promise<RevealPage | undefined> {
	if (reveal === undefined || login === undefined) return undefined;
	return { files: await readDashboard(dashboardBeside), signIn: createPageSignIn(login, oidc?.ca) };
}

/** What background work needs. */
interface WorkContext {
	readonly settings: Settings;
	readonly accessMode: AccessMode;
	readonly metrics: Metrics;
	readonly log: Logger;
	readonly now: () => Date;
	readonly audit: AuditSink;
}

/** The background work of a program. */
interface Work {
	readonly recovery: Recovery | undefined;
	readonly rights: RightsWatch | undefined;
	readonly stop: () => void;
}

/** Starts the background work on a store. The Reveal program only watches over its policy. */
function startWork(store: Store, { settings, accessMode, metrics, log, now, audit }: WorkContext): Work {
	const rights = watchRights(store, log, policyOf(settings).file);
	if (accessMode === 'reveal') return { recovery: undefined, rights, stop: rights.stop };
	const recovery = startRecovery(store, log, { ...RECOVERY, now, audit });
	const backfills = {
		...(accessMode === 'api' ? { 'access records': () => backfillAccess(store) } : {}),
		'keys of organizations': () => indexKeys(store),
	};
	const stopBackfill = startBackfill(backfills, log, BACKFILL_INTERVAL);
	const stopCounts = startCounts(store, metrics, log, now);
	const retention = settings.tombstoneRetention * DAY;
	const stopTombstoneWatch = startTombstoneWatch(store, log, { ...TOMBSTONE_WATCH, retention, now, audit });
	return {
		recovery,
		rights,
		stop: () => {
			recovery.stop();
			stopBackfill();
			rights.stop();
			stopCounts();
			stopTombstoneWatch();
		},
	};
}

/** The Reveal program creates no deployments, so it has nothing to undo. */
const NO_UNDO: UndoQueue = { add: () => undefined, settle: () => Promise.resolve() };

/** The policy that this program should have. */
function policyOf({ reveal }: Settings): ProgramPolicy {
	return reveal === undefined ? API_POLICY : REVEAL_POLICY;
}

function accessModeOf({ reveal, revealUrl }: Settings): AccessMode {
	if (reveal !== undefined) return 'reveal';
	return revealUrl === undefined ? 'api' : 'api-beside-reveal';
}

function openRevealOf(
	{ reveal, store: kind }: Settings,
	store: Store | undefined,
	vault: VaultAccess | undefined,
	log: Logger,
): ReturnType<typeof openReveal> | undefined {
	if (reveal === undefined || store === undefined || vault === undefined || kind.kind !== 'vault')
		return undefined;
	return openReveal(reveal, kind, store, vault, log);
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

function openStore(
	settings: Settings,
	metrics: Metrics,
	log: Logger,
): { store: Store | undefined; vault: VaultAccess | undefined; close: () => void } {
	const { store: kind } = settings;
	if (kind.kind === 'none') return { store: undefined, vault: undefined, close: () => undefined };
	if (kind.kind === 'memory') return { store: createMemoryStore(), vault: undefined, close: () => undefined };
	const known = createKnownIndex();
	const client = openVaultClient(kind.endpoint, { pauses: PAUSES, known });
	const session = openSession(client, kind.login, log);
	const vault = { client, session, known, observe: metrics.recordStoreRequest };
	return {
		store: createVaultStore({ ...vault, mount: kind.mount, policy: policyOf(settings) }),
		vault,
		close: () => {
			session.close();
			client.close();
		},
	};
}
