import { join } from 'node:path';
import { now } from './clock.ts';
import { type Deadline, deadlineAfter } from './deadline.ts';
import { Failure } from './failure.ts';
import { fetchSecrets } from './fetch.ts';
import type { Log } from './log.ts';
import { attemptTimeout, makeRetry } from './retry.ts';
import type { Settings } from './settings.ts';
import type { Secret } from './tiers.ts';
import { readTokenFile } from './token-file.ts';
import { endpointOf } from './transport/socket.ts';
import { openTransport } from './transport/transport.ts';
import { openVault, type Vault } from './vault.ts';
import { writeOutputs } from './write.ts';

/** What one run is given. */
export interface RunParts {
	readonly settings: Settings;
	readonly log: Log;
	/** Rejects when the process is told to end. */
	readonly stopped: Promise<never>;
}

/** Milliseconds for giving the token back; a failed run should not be held up by it. */
const FAREWELL = { done: 2_000, failed: 400 } as const;

/** Gives the token back. That this fails is worth a line but no pod's start: the token's TTL ends it. */
async function sayFarewell(vault: Vault, log: Log, until: Deadline): Promise<void> {
	try {
		await vault.revoke(until);
	} catch (thrown) {
		if (!(thrown instanceof Failure)) throw thrown;
		log.warn(`the token could not be revoked and lives until its TTL ends: ${thrown.message}`);
	}
}

function keysByOrigin(secrets: readonly Secret[]): Readonly<Record<string, readonly string[]>> {
	const groups = Map.groupBy(secrets, ({ origin }) => origin);
	return Object.fromEntries([...groups].map(([origin, group]) => [origin, group.map(({ key }) => key)]));
}

/** One fetch from the token file to the last line of the log. Rejects with a `Failure` unless everything was written. */
export async function run({ settings, log, stopped }: RunParts): Promise<void> {
	const deadline = deadlineAfter(settings.deadline);
	const { address, ca, namespace } = settings.vault;
	const jwt = readTokenFile(settings.tokenFile);
	const transport = openTransport(endpointOf(address), ca, attemptTimeout(deadline));
	const retry = makeRetry({ log, random: Math.random });
	const vault = openVault({ address, namespace, transport, retry, deadline });
	let farewell: number = FAREWELL.failed;
	try {
		const { secrets, volumes } = await Promise.race([fetchSecrets({ settings, vault, log, jwt }), stopped]);
		for (const { out, outputs } of volumes) writeOutputs(out, outputs);
		const writtenAfterMs = Math.round(now());
		farewell = FAREWELL.done;
		await sayFarewell(vault, log, deadlineAfter(farewell));
		log.info('secrets written', {
			keys: keysByOrigin(secrets),
			files: volumes.flatMap(({ out, outputs }) => outputs.map(({ path }) => join(out, path))),
			writtenAfterMs,
			durationMs: Math.round(now()),
			requests: vault.requests(),
			connections: transport.connections(),
		});
	} catch (thrown) {
		await sayFarewell(vault, log, deadlineAfter(farewell));
		throw thrown;
	} finally {
		transport.close();
	}
}
