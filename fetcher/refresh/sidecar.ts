import { join } from 'node:path';
import process from 'node:process';
import { isNotified } from '../../contract/refresh.ts';
import { now } from '../clock.ts';
import { deadlineAfter } from '../deadline.ts';
import { Failure } from '../failure.ts';
import { type GatheredSecrets, logIn, type PreparedFiles, prepare, readAll, readContext } from '../fetch.ts';
import type { Log } from '../log.ts';
import { revokeToken } from '../revoke-token.ts';
import type { RunParts } from '../run.ts';
import type { Settings } from '../settings.ts';
import { terminationOf } from '../termination-message.ts';
import { readTokenFile } from '../token-file.ts';
import { endpointOf } from '../transport/endpoint.ts';
import { openTransport } from '../transport/transport.ts';
import type { Vault } from '../vault.ts';
import { changedKeys, digestsOf, revisionOfSecrets } from './digests.ts';
import { isCurrent, writeGeneration } from './generation.ts';
import { wallClock } from './lease-clock.ts';
import { type LeaseValues, openLeaseKeeper } from './lease-keeper.ts';
import { withLeases, withNeededLeases } from './lease-selection.ts';
import { abandoned } from './lease-state.ts';
import { type Notifier, openNotifier } from './notifier.ts';
import { openOnce, STEP_TIMEOUT } from './open-once.ts';
import { loadPrivateState, NO_STATE, type PrivateState, savePrivateState } from './private-file.ts';
import { type CheckRequest, watchRequests } from './requests.ts';
import { NO_RESTARTER, openRestarter, type Restarter } from './restarter.ts';
import { checkAfterFailure, firstCheck, nextCheck } from './schedule.ts';
import { openTierStates, type TierState } from './tier-state.ts';

/** Minimum remaining TTL of a token, in ms. The sidecar logs in again if it is shorter. */
const SHORTEST_TOKEN = STEP_TIMEOUT + 10_000;
const REVOCATION_TIMEOUT = 1_500;
const HOUR = 3_600_000;
/**
 * Longest period with one connection, in ms. Load balancers and firewalls forget connections that are idle
 * for longer, often without a word: the next request would fail. A new connection costs Vault as much as
 * a request, and an idle one costs it memory.
 */
const LONGEST_IDLE = 30_000;

/**
 * Keeps the files current until `stopped` rejects, then resolves. A failed check does not change the files.
 *
 * @returns why it ended: it was stopped, or it asks for a restart of all containers
 */
export async function runSidecar({ settings, log, stopped }: RunParts): Promise<'stopped' | 'restart'> {
	const sidecar = openSidecar(withNeededLeases(settings), log);
	const end = stopped.catch(() => 'stopped' as const);
	let checkAt = now() + firstCheck(settings.period, Math.random());
	log.info('keeping the secrets current', { periodSeconds: settings.period / 1000, ...sidecar.summary() });
	sidecar.start();
	for (;;) {
		const why = await nextEvent(sidecar, checkAt, end);
		if (why === 'stopped') break;
		const result = await Promise.race([sidecar.proceed(), end]);
		if (result === 'stopped') break;
		if (result === 'restart') return 'restart';
		// No check delays the restart once the pod has left its endpoints.
		if (sidecar.isLeaving() || (why === 'due' && now() < checkAt)) continue;
		const nextWait = await Promise.race([sidecar.check(why === 'due' ? undefined : why), end]);
		if (nextWait === 'stopped') break;
		checkAt = now() + nextWait;
	}
	await sidecar.end();
	return 'stopped';
}

/** Waits for the next check or step of a restart, for a request, or for the end. */
async function nextEvent(
	sidecar: ReturnType<typeof openSidecar>,
	checkAt: number,
	end: Promise<'stopped'>,
): Promise<'due' | 'stopped' | CheckRequest> {
	const timer = Promise.withResolvers<'due'>();
	const wakeAt = sidecar.isLeaving() ? sidecar.wakesAt() : Math.min(checkAt, sidecar.wakesAt());
	const timeout = setTimeout(timer.resolve, Math.max(0, wakeAt - now()), 'due');
	const requested = sidecar.isLeaving() ? [] : [sidecar.requests.next()];
	const why = await Promise.race([timer.promise, end, sidecar.rescheduled(), ...requested]);
	clearTimeout(timeout);
	return why;
}

function openSidecar(settings: Settings, log: Log) {
	const { address, ca, tlsName, proxy } = settings.vault;
	const transport = openTransport(endpointOf(address, { tlsName, proxy }), ca);
	const open = openOnce(settings, transport);
	const notifier: Notifier = openNotifier(settings, log, () => save({ pending: undefined }));
	let state = loadPrivateState(settings.privateDir) ?? NO_STATE;
	/** The secrets of the tiers, kept only if leases need them to write the files. */
	let found: GatheredSecrets | undefined;
	const tierStates = openTierStates(now);
	let tiers: readonly TierState[] | undefined;
	let failures = 0;
	let lastProblem = '';
	let logged = Date.now();
	/** Resolves when a lease may have brought a restart forward. */
	let rescheduled = Promise.withResolvers<'due'>();
	const requests = watchRequests({ file: settings.requestFile, served: state.request });
	// The first fetch has already logged warnings about names and readers.
	const quiet = { ...log, warn: log.debug };

	function save(change: Partial<PrivateState>): void {
		state = { ...state, ...change };
		savePrivateState(settings.privateDir, state);
	}

	if (state.ended)
		// SIGTERM ended an earlier process, which has revoked everything, but not the pod.
		save({
			token: undefined,
			leases: new Map([...state.leases].map(([name, lease]) => [name, abandoned(lease)])),
			ended: false,
		});

	const isRestarting = settings.onChange.kind === 'restart';
	const restarter: Restarter = isRestarting
		? openRestarter({
				...{ settings, log, memory: state.restart },
				save: (restart) => {
					// In one step with the first lease: what is written and what is asked for belong together.
					state = { ...state, restart, ...(restart.unheeded ? { pending: undefined } : {}) };
					if (restart.requested) leases.written();
					save({});
				},
				leave: () => leases.hurry(),
				settle: () => leases.hold(),
				prepare: () => {
					const values = leases.values();
					if (found !== undefined && values !== undefined) deliver(found, values, 0);
				},
			})
		: NO_RESTARTER;

	/**
	 * Returns a client with a token: the token of an earlier login if its TTL is long enough, else a new one.
	 */
	const client = async (): Promise<{ vault: Vault; fresh: boolean }> => {
		if (state.token !== undefined && state.token.expires - Date.now() > SHORTEST_TOKEN)
			return { vault: open(state.token), fresh: false };
		const vault = open();
		await logIn({ settings, vault, log, jwt: readTokenFile(settings.tokenFile) });
		save({ token: vault.token() });
		return { vault, fresh: true };
	};

	/** Compares the versions of the tiers. Reads everything if they differ or are not available. */
	const update = async (vault: Vault): Promise<void> => {
		const states = await tierStates.ask(readContext(settings, vault), settings.tiers);
		const comparable = states?.every((one) => one !== undefined) === true;
		if (comparable && tiers !== undefined && states.every((one, i) => one === tiers?.[i])) return;
		const jwt = readTokenFile(settings.tokenFile);
		const read = await readAll({ settings, vault, log: quiet, jwt });
		tierStates.wereRead();
		if (settings.leases.size > 0) found = read;
		const values = leases.values();
		// A lease without a secret writes the files when it has one.
		if (values !== undefined) deliver(read, values, vault.requests());
		// After the files: a write that failed is repeated by the next check.
		tiers = comparable ? states : undefined;
	};

	const prepareWith = (read: GatheredSecrets, values: LeaseValues): PreparedFiles =>
		prepare({ ...read, secrets: withLeases(read.secrets, values) }, { settings, log: quiet });

	/** Writes changed files, or has the restarter write them. */
	const deliver = (read: GatheredSecrets, values: LeaseValues, requests: number): void => {
		const prepared = prepareWith(read, values);
		const isChanged = !prepared.volumes.every(({ out, outputs }) => isCurrent(out, outputs));
		if (!isChanged) noteRevision(prepared);
		const change = undelivered(prepared, isChanged, requests);
		const urgent = leases.isUnwritten();
		// With a restart, a secret counts as written when the restart is asked for.
		if (change === undefined) leases.written();
		restarter.checked(change, urgent);
	};

	/** New versions with equal values are current, with another revision than that of the last write. */
	const noteRevision = (prepared: PreparedFiles): void => {
		const revision = revisionOfSecrets(prepared.found);
		if (revision === state.revision) return;
		save({ revision });
		logged = Date.now();
		log.info('secrets are current', { revision });
	};

	/** What is not delivered yet. A sidecar may have been killed after it wrote files for a restart. */
	const undelivered = (prepared: PreparedFiles, isChanged: boolean, requests: number) => {
		if (!isChanged && (state.pending === undefined || !isRestarting)) return undefined;
		return {
			keys: changedKeys(state.digests, digestsOf(prepared.secrets)),
			write: (how: 'before-restart' | 'without-restart') => {
				const notifies = !isRestarting && isNotified(settings.onChange);
				if (isChanged) write(prepared, requests, how === 'before-restart' || notifies);
				if (how === 'without-restart') leases.written();
			},
		};
	};

	/** Writes changed files. Saves first what is to be delivered to the application, if anything. */
	const write = (prepared: PreparedFiles, requests: number, delivers: boolean): void => {
		const revision = revisionOfSecrets(prepared.found);
		const digests = digestsOf(prepared.secrets);
		const keys = changedKeys(state.digests, digests);
		const pending = {
			keys: [...new Set([...(state.pending?.keys ?? []), ...keys])].sort(),
			revision,
			write: (state.pending?.write ?? 0) + 1,
		};
		// Saved before the files, so that the sidecar also notifies if it crashes between the two steps.
		save({ digests, revision, pending: delivers ? pending : undefined });
		for (const { out, outputs } of prepared.volumes) writeGeneration(out, outputs);
		logged = Date.now();
		log.info('secrets changed, files written', {
			keys,
			revision,
			files: prepared.volumes.flatMap(({ out, outputs }) => outputs.map(({ path }) => join(out, path))),
			requests,
		});
	};

	let checking: Promise<void> = Promise.resolve();
	/** Checks one after another, so that two of them do not log in at the same time. */
	const checkOnce = (): Promise<void> => {
		const next = checking.then(checkNow, checkNow);
		checking = next.catch(() => undefined);
		return next;
	};

	const checkNow = async (): Promise<void> => {
		const { vault, fresh } = await client();
		try {
			await update(vault);
		} catch (thrown) {
			if (fresh || !(thrown instanceof Failure) || thrown.reason !== 'read-refused') throw thrown;
			// The token may have been revoked. Retries once with a new login.
			save({ token: undefined });
			await update((await client()).vault);
		}
	};

	/**
	 * Returns the milliseconds until the next check.
	 *
	 * @param requested by `envtier refresh`; the log then shows the result in any case
	 */
	const check = async (requested: CheckRequest | undefined): Promise<number> => {
		try {
			if (requested !== undefined) accept(requested);
			await checkOnce();
		} catch (thrown) {
			if (!(thrown instanceof Failure)) throw thrown;
			return failed(thrown, requested);
		}
		closeIdle();
		succeeded(requested);
		return nextCheck(settings.period, Math.random());
	};

	const succeeded = (requested: CheckRequest | undefined): void => {
		if (failures > 0) log.info('the check of the secrets succeeded again', { failures });
		failures = 0;
		lastProblem = '';
		notify();
		// A change that waits for its restart was logged when it was found.
		const isWaiting = Number.isFinite(restarter.wakesAt());
		if (!isWaiting && (requested !== undefined || Date.now() - logged >= HOUR)) {
			logged = Date.now();
			log.info('secrets are current', { revision: state.revision });
		}
	};

	const closeIdle = (): void => {
		if (settings.period > LONGEST_IDLE) transport.disconnect();
	};

	/** Saves the request, so that a restart does not serve it again. */
	const accept = ({ request }: CheckRequest): void => {
		log.info('a check was requested', { request });
		save({ request });
	};

	const failed = (failure: Failure, requested: CheckRequest | undefined): number => {
		failures += 1;
		const level = failure.reason === lastProblem && requested === undefined ? 'debug' : 'warn';
		lastProblem = failure.reason;
		log[level](
			`the check of the secrets failed, the files stay as they are: ${terminationOf(failure).message}`,
			{
				reason: failure.reason,
				failures,
			},
		);
		return checkAfterFailure(settings.period, failures, Math.random(), failure.retryAfter);
	};

	const notify = (): void => {
		if (state.pending !== undefined && !isRestarting) notifier.notify(state.pending);
	};

	const leases = openLeaseKeeper({
		...{ settings, log, open, states: state.leases },
		save: (states) => save({ leases: states }),
		mintsFrom: () => wallClock() - now() + restarter.mayRestartAt(),
		ready: async () => {
			if (found === undefined) await checkOnce();
		},
		check: (values) => {
			if (found !== undefined) prepareWith(found, values);
		},
		write: () => {
			const values = leases.values();
			if (found === undefined || values === undefined) return;
			deliver(found, values, 0);
			notify();
			rescheduled.resolve('due');
			rescheduled = Promise.withResolvers();
		},
	});

	return {
		start: leases.start,
		check,
		requests,
		wakesAt: restarter.wakesAt,
		isLeaving: restarter.isLeaving,
		/** Does what is due for a restart. */
		proceed: async (): Promise<'nothing' | 'restart'> => {
			const result = await restarter.proceed();
			if (result !== 'failed') return result;
			// The next check, and the leases, prepare the files again.
			tiers = undefined;
			leases.notWritten();
			leases.release();
			return 'nothing';
		},
		rescheduled: () => rescheduled.promise,
		summary: () => ({ revision: state.revision, uid: process.getuid?.() }),
		end: async (): Promise<void> => {
			notifier.close();
			restarter.close();
			requests.close();
			leases.stop();
			const { token } = state;
			save({ token: undefined, ended: true });
			const [revoked, { revoked: leasesRevoked, of }] = await Promise.all([
				token !== undefined && revokeToken(open(token), log, deadlineAfter(REVOCATION_TIMEOUT)),
				leases.revoke(REVOCATION_TIMEOUT),
			]);
			if (revoked) log.info('token revoked');
			if (of > 0) log.info('leases revoked', { leases: leasesRevoked, of });
		},
	};
}
