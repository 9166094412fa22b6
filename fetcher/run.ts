import { join } from 'node:path';
import { now, pause } from './clock.ts';
import { type Deadline, deadlineAfter } from './deadline.ts';
import { Failure } from './failure.ts';
import { gatherSecrets, prepare } from './fetch.ts';
import type { Log } from './log.ts';
import { makeRetry } from './retry.ts';
import type { Settings } from './settings.ts';
import type { Secret } from './tiers.ts';
import { readTokenFile } from './token-file.ts';
import { endpointOf } from './transport/endpoint.ts';
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

/** Two turns of the event loop: in the first a request is put together, in the second it goes out. */
async function sent(): Promise<void> {
	for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
}

function keysByOrigin(secrets: readonly Secret[]): Readonly<Record<string, readonly string[]>> {
	const groups = Map.groupBy(secrets, ({ origin }) => origin);
	return Object.fromEntries([...groups].map(([origin, group]) => [origin, group.map(({ key }) => key)]));
}

/** One fetch from the token file to the last line of the log. Rejects with a `Failure` unless everything was written. */
export async function run({ settings, log, stopped }: RunParts): Promise<void> {
	const deadline = deadlineAfter(settings.deadline);
	const { address, ca, namespace, tlsName, proxy } = settings.vault;
	const jwt = readTokenFile(settings.tokenFile);
	const transport = openTransport(endpointOf(address, { tlsName, proxy }), ca);
	const retry = makeRetry({ log, random: Math.random });
	const vault = openVault({ address, namespace, transport, retry, deadline });
	let farewell: Promise<void> | undefined;
	try {
		const found = await Promise.race([gatherSecrets({ settings, vault, log, jwt }), stopped]);
		// The token has done its work: it is on its way back while the files are made.
		farewell = sayFarewell(vault, log, deadlineAfter(FAREWELL.done));
		await sent();
		const { secrets, volumes } = prepare(found, { settings, log });
		for (const { out, outputs } of volumes) writeOutputs(out, outputs);
		const writtenAfterMs = Math.round(now());
		await farewell;
		log.info('secrets written', {
			keys: keysByOrigin(secrets),
			files: volumes.flatMap(({ out, outputs }) => outputs.map(({ path }) => join(out, path))),
			// Files are for one user: an application that runs as another one cannot read them.
			uid: process.getuid?.(),
			writtenAfterMs,
			durationMs: Math.round(now()),
			...(found.empty.length === 0 ? {} : { empty: found.empty }),
			requests: vault.requests(),
			protocol: transport.protocol(),
		});
	} catch (thrown) {
		farewell ??= sayFarewell(vault, log, deadlineAfter(FAREWELL.failed));
		await Promise.race([farewell, pause(FAREWELL.failed)]);
		throw thrown;
	}
}
