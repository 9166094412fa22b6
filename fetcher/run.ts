import { join } from 'node:path';
import { revisionMessage } from '../contract/refresh.ts';
import { now, pause } from './clock.ts';
import { type Deadline, deadlineAfter } from './deadline.ts';
import { Failure } from './failure.ts';
import { gatherSecrets, type PreparedFiles, prepare } from './fetch.ts';
import type { Log } from './log.ts';
import type { InitialLeases } from './refresh/lease-initial.ts';
import { withNeededLeases } from './refresh/lease-selection.ts';
import { makeRetry } from './retry.ts';
import { revisionAtStart } from './revision.ts';
import { revokeToken } from './revoke-token.ts';
import type { Settings } from './settings.ts';
import type { Secret } from './tiers.ts';
import { readTokenFile } from './token-file.ts';
import { endpointOf } from './transport/endpoint.ts';
import { openTransport, type Transport } from './transport/transport.ts';
import { openVault, type Vault } from './vault.ts';
import { writeOutputs } from './write.ts';

/** Input of one run. */
export interface RunParts {
	readonly settings: Settings;
	readonly log: Log;
	/** Rejects when the process receives SIGTERM or SIGINT. */
	readonly stopped: Promise<never>;
}

/**
 * Timeout for the revocation, in ms. It is short after a failure, so that the process exits soon. The end of
 * a lease takes longer than that of a token: Vault undoes it in another system.
 */
const REVOCATION_TIMEOUT = { success: 2_000, failure: 400, leases: 1_500 } as const;

/**
 * Deadline of a fetch that has the files of an earlier run to fall back on, in ms: one sidecar of the pod has
 * asked for a restart, and the fetcher of another user runs again.
 */
const DEADLINE_AFTER_RESTART = 10_000;

/** Waits two turns of the event loop, so that `fetch` has sent its request. */
async function requestSent(): Promise<void> {
	for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
}

function keysByOrigin(secrets: readonly Secret[]): Readonly<Record<string, readonly string[]>> {
	const groups = Map.groupBy(secrets, ({ origin }) => origin);
	return Object.fromEntries([...groups].map(([origin, group]) => [origin, group.map(({ key }) => key)]));
}

/**
 * Writes the files. If the pod has a sidecar, writes a generation and the private file, and returns the
 * revision.
 */
async function write(
	prepared: PreparedFiles,
	settings: Settings,
	vault: Vault,
	leases: InitialLeases | undefined,
): Promise<string | undefined> {
	if (settings.mode === 'once') {
		for (const { out, outputs } of prepared.volumes) writeOutputs(out, outputs);
		return undefined;
	}
	// Loaded on demand, because most pods have no sidecar.
	const { writeInitial } = await import('./refresh/initial.ts');
	const { spreadOf } = await import('./refresh/lease.ts');
	return writeInitial(prepared, settings.privateDir, vault.token(), leases?.states(), spreadOf(settings));
}

/** Opens the leases of the settings; undefined if there are none. */
async function openLeases({
	settings,
	log,
	deadline,
	transport,
	keeps,
}: Pick<RunParts, 'settings' | 'log'> & {
	readonly deadline: Deadline;
	readonly transport: Transport;
	readonly keeps: boolean;
}): Promise<InitialLeases | undefined> {
	if (settings.leases.size === 0) return undefined;
	const { openInitialLeases } = await import('./refresh/lease-initial.ts');
	const { openOnce } = await import('./refresh/open-once.ts');
	return openInitialLeases({ settings, log, deadline, keeps, open: openOnce(settings, transport) });
}

/** The revision, which the controller and `envtier status` compare with that of Vault. KV v1 has none. */
function messageOf({ found }: PreparedFiles, { vault }: Settings): string | undefined {
	return vault.kvVersion === 1 ? undefined : revisionMessage(revisionAtStart(found));
}

/**
 * Runs the fetcher once, from the token file to the files. Rejects with a `Failure` unless everything was
 * written.
 *
 * @returns the text for the termination message; undefined for none
 */
export async function run({ settings: given, log, stopped }: RunParts): Promise<string | undefined> {
	const settings = withNeededLeases(given);
	// Loaded on demand, because most pods have no sidecar.
	const earlier =
		settings.mode === 'once'
			? undefined
			: (await import('./refresh/earlier-files.ts')).earlierFiles(settings);
	if (earlier?.current === true) {
		earlier.adopt(log);
		return;
	}
	const deadline = deadlineAfter(
		earlier === undefined ? settings.deadline : Math.min(settings.deadline, DEADLINE_AFTER_RESTART),
	);
	const { address, ca, namespace, tlsName, proxy } = settings.vault;
	const jwt = readTokenFile(settings.tokenFile);
	const transport = openTransport(endpointOf(address, { tlsName, proxy }), ca);
	const retry = makeRetry({ log, random: Math.random });
	const vault = openVault({ address, namespace, transport, retry, deadline });
	const leases = await openLeases({ settings, log, deadline, transport, keeps: earlier !== undefined });
	let revocation: Promise<unknown> | undefined;
	try {
		const gathered = await Promise.race([gatherSecrets({ settings, vault, log, jwt }), stopped]);
		const found = leases === undefined ? gathered : await Promise.race([leases.issue(gathered), stopped]);
		// The token is no longer needed. The revocation runs while the files are written.
		if (settings.mode === 'once') {
			revocation = revokeToken(vault, log, deadlineAfter(REVOCATION_TIMEOUT.success));
			await requestSent();
		}
		const prepared = prepare(found, { settings, log });
		const { secrets, volumes } = prepared;
		const revision = await write(prepared, settings, vault, leases);
		const writtenAfterMs = Math.round(now());
		await revocation;
		log.info('secrets written', {
			keys: keysByOrigin(secrets),
			files: volumes.flatMap(({ out, outputs }) => outputs.map(({ path }) => join(out, path))),
			// The files are readable by this UID only.
			uid: process.getuid?.(),
			writtenAfterMs,
			durationMs: Math.round(now()),
			...(revision === undefined ? {} : { revision }),
			...(found.empty.length === 0 ? {} : { empty: found.empty }),
			requests: vault.requests(),
			protocol: transport.protocol(),
		});
		return messageOf(prepared, settings);
	} catch (thrown) {
		const timeout = leases === undefined ? REVOCATION_TIMEOUT.failure : REVOCATION_TIMEOUT.leases;
		const fallsBack = earlier !== undefined && thrown instanceof Failure && thrown.reason !== 'terminated';
		revocation ??= Promise.all([
			revokeToken(vault, log, deadlineAfter(timeout)),
			fallsBack ? undefined : leases?.revoke(timeout),
		]);
		await Promise.race([revocation, pause(timeout)]);
		if (fallsBack) {
			log.warn(`the secrets could not be fetched again, the files stay as they are: ${thrown.message}`, {
				reason: thrown.reason,
			});
			earlier.adopt(log, leases?.statesOfEarlier());
			return;
		}
		throw thrown;
	}
}
