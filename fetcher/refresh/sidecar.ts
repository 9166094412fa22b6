import { join } from 'node:path';
import process from 'node:process';
import { deadlineAfter } from '../deadline.ts';
import { Failure } from '../failure.ts';
import { logIn, type PreparedFiles, prepare, readAll, readContext } from '../fetch.ts';
import type { Log } from '../log.ts';
import type { Retry } from '../retry.ts';
import { revokeToken } from '../revoke-token.ts';
import type { RunParts } from '../run.ts';
import type { Settings } from '../settings.ts';
import { terminationOf } from '../termination-message.ts';
import { readTokenFile } from '../token-file.ts';
import { endpointOf } from '../transport/endpoint.ts';
import { openTransport } from '../transport/transport.ts';
import { openVault, type SavedToken, type Vault } from '../vault.ts';
import { changedKeys, digestsOf, revisionOfSecrets } from './digests.ts';
import { isCurrent, writeGeneration } from './generation.ts';
import { type Notifier, openNotifier } from './notifier.ts';
import { loadPrivateState, type PrivateState, savePrivateState } from './private-file.ts';
import { type CheckRequest, watchRequests } from './requests.ts';
import { checkAfterFailure, firstCheck, nextCheck } from './schedule.ts';
import { type TierState, tierStates } from './tier-state.ts';

/** Timeout of one check, in ms. After it the check has failed, and the sidecar retries soon. */
const CHECK_TIMEOUT = 20_000;
/** Minimum remaining TTL of a token, in ms. The sidecar logs in again if it is shorter. */
const SHORTEST_TOKEN = CHECK_TIMEOUT + 10_000;
const REVOCATION_TIMEOUT = 1_500;
const HOUR = 3_600_000;

/** Sends each request of a check once. After a failure the sidecar repeats the whole check. */
const once: Retry = (attempt, deadline) => attempt(deadline.left());

const NOTHING: PrivateState = {
	token: undefined,
	digests: new Map(),
	revision: '',
	pending: undefined,
	request: '',
};

/**
 * Keeps the files current until `stopped` rejects, then resolves. A failed check does not change the files.
 */
export async function runSidecar({ settings, log, stopped }: RunParts): Promise<void> {
	const sidecar = openSidecar(settings, log);
	const end = stopped.catch(() => 'stopped' as const);
	let wait = firstCheck(settings.period, Math.random());
	log.info('keeping the secrets current', { periodSeconds: settings.period / 1000, ...sidecar.summary() });
	for (;;) {
		const timer = Promise.withResolvers<'due'>();
		const timeout = setTimeout(timer.resolve, wait, 'due');
		const why = await Promise.race([timer.promise, sidecar.requests.next(), end]);
		clearTimeout(timeout);
		if (why === 'stopped') {
			await sidecar.end();
			return;
		}
		const nextWait = await Promise.race([sidecar.check(why === 'due' ? undefined : why), end]);
		if (nextWait === 'stopped') {
			await sidecar.end();
			return;
		}
		wait = nextWait;
	}
}

function openSidecar(settings: Settings, log: Log) {
	const { address, ca, namespace, tlsName, proxy } = settings.vault;
	const transport = openTransport(endpointOf(address, { tlsName, proxy }), ca);
	const notifier: Notifier = openNotifier(settings, log, () => save({ pending: undefined }));
	let state = loadPrivateState(settings.privateDir) ?? NOTHING;
	let tiers: readonly TierState[] | undefined;
	let failures = 0;
	let lastProblem = '';
	let logged = Date.now();
	const requests = watchRequests({ file: settings.requestFile, served: state.request });

	function save(change: Partial<PrivateState>): void {
		state = { ...state, ...change };
		savePrivateState(settings.privateDir, state);
	}

	const open = (saved: SavedToken | undefined): Vault =>
		openVault({
			...{ address, namespace, transport, retry: once, deadline: deadlineAfter(CHECK_TIMEOUT) },
			...(saved === undefined ? {} : { token: saved }),
		});

	/**
	 * Returns a client with a token: the token of an earlier login if its TTL is long enough, else a new one.
	 */
	const client = async (): Promise<{ vault: Vault; fresh: boolean }> => {
		if (state.token !== undefined && state.token.expires - Date.now() > SHORTEST_TOKEN)
			return { vault: open(state.token), fresh: false };
		const vault = open(undefined);
		await logIn({ settings, vault, log, jwt: readTokenFile(settings.tokenFile) });
		save({ token: vault.token() });
		return { vault, fresh: true };
	};

	/** Compares the versions of the tiers. Reads everything if they differ or are not available. */
	const update = async (vault: Vault): Promise<void> => {
		const states = await tierStates(readContext(settings, vault), settings.tiers);
		const comparable = states.every((one) => one !== undefined);
		if (comparable && tiers !== undefined && states.every((one, i) => one === tiers?.[i])) return;
		const jwt = readTokenFile(settings.tokenFile);
		// The first fetch has already logged warnings about names and readers.
		const quiet = { ...log, warn: log.debug };
		const found = await readAll({ settings, vault, log: quiet, jwt });
		const prepared = prepare(found, { settings, log: quiet });
		if (!prepared.volumes.every(({ out, outputs }) => isCurrent(out, outputs)))
			write(prepared, vault.requests());
		// After the files: a write that failed is repeated by the next check.
		tiers = comparable ? states : undefined;
	};

	/** Writes changed files, and saves the notification that is due. */
	const write = (prepared: PreparedFiles, requests: number): void => {
		const revision = revisionOfSecrets(prepared.secrets);
		const digests = digestsOf(prepared.secrets);
		const keys = changedKeys(state.digests, digests);
		const pending = { keys: [...new Set([...(state.pending?.keys ?? []), ...keys])].sort(), revision };
		// Saved before the files, so that the sidecar also notifies if it crashes between the two steps.
		save({ digests, revision, pending: settings.onChange.kind === 'none' ? undefined : pending });
		for (const { out, outputs } of prepared.volumes) writeGeneration(out, outputs);
		logged = Date.now();
		log.info('secrets changed, files written', {
			keys,
			revision,
			files: prepared.volumes.flatMap(({ out, outputs }) => outputs.map(({ path }) => join(out, path))),
			requests,
		});
	};

	const checkOnce = async (): Promise<void> => {
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
		if (failures > 0) log.info('the check of the secrets succeeded again', { failures });
		failures = 0;
		lastProblem = '';
		if (state.pending !== undefined) notifier.notify(state.pending);
		if (requested !== undefined || Date.now() - logged >= HOUR) {
			logged = Date.now();
			log.info('secrets are current', { revision: state.revision });
		}
		return nextCheck(settings.period, Math.random());
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

	return {
		check,
		requests,
		summary: () => ({ revision: state.revision, uid: process.getuid?.() }),
		end: async (): Promise<void> => {
			notifier.close();
			requests.close();
			const { token } = state;
			save({ token: undefined });
			if (token === undefined) return;
			if (await revokeToken(open(token), log, deadlineAfter(REVOCATION_TIMEOUT))) log.info('token revoked');
		},
	};
}
