/**
 * Finds the lowest memory limit with which a sidecar starts, checks and writes a change, with 3 × 4 keys. The
 * limit applies to everything that counts for a container: its own memory and the pages of the
 * executable, which the kernel may drop. The bench copies the program, so that no other process shares its
 * pages; the files are on disk and not counted.
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { makeLimitedGroup, whyNoLimits } from '../test/support/limits.ts';
import { startOpenBao } from '../test/support/openbao.ts';
import { putSecret } from '../test/support/openbao-setup.ts';
import { runProcess, startProcess } from '../test/support/process.ts';
import { EXECUTABLE, fetcherEnv } from './support/fetcher.ts';
import { cpuOf } from './support/proc.ts';
import { fill, makeSurroundings, openDoor } from './support/tiers.ts';

const KEYS = 4;
const DEPLOYMENT = 'shop';
const LIMITS = [6, 8, 10, 12, 16, 20, 24, 32, 48];
/** A sidecar that takes longer than this for a change does not work. */
const PATIENCE = { timeoutMs: 40_000 };

const problem = whyNoLimits();
if (problem !== undefined) {
	process.stdout.write(`not run: ${problem}\n`);
	process.exit(0);
}

const bao = await startOpenBao();
const jwt = await openDoor(bao);
await fill(bao, DEPLOYMENT, KEYS);
const { place, tokenFile } = await makeSurroundings(jwt, bao.addr, bao.caFile, DEPLOYMENT);
const program = join(place.dir, 'fetcher');
copyFileSync(EXECUTABLE, program);

/** CPU time in ms until it has written a change, or undefined if it did not. */
async function attempt(memoryMiB: number): Promise<number | undefined> {
	const out = join(place.dir, `limit-${memoryMiB}`);
	const privateDir = join(out, 'private');
	mkdirSync(privateDir, { recursive: true });
	const requestFile = join(out, 'refresh-requested');
	writeFileSync(requestFile, '');
	const env = {
		...fetcherEnv(bao, { deployment: DEPLOYMENT, tokenFile, out, addr: bao.addr }),
		ENVTIER_REFRESH: '86400',
		ENVTIER_PRIVATE_DIR: privateDir,
		ENVTIER_REQUEST_FILE: requestFile,
	};
	const { code, stdout } = await runProcess({
		command: EXECUTABLE,
		env: { ...env, ENVTIER_MODE: 'initial' },
	});
	if (code !== 0) throw new Error(stdout);
	await using group = await makeLimitedGroup(`refresh-${memoryMiB}`, { memoryMiB });
	const [command = program, ...args] = [...group.launcher, program];
	await using running = await startProcess({ command, args, env: { ...env, ENVTIER_MODE: 'refresh' } });
	const key = `deployments/${DEPLOYMENT}/secrets/KEY_1_0`;
	try {
		for (const round of [1, 2]) {
			await putSecret(bao, key, `${memoryMiB} ${round}`);
			writeFileSync(requestFile, `${round}`);
			const changes = () => running.stdout().split('secrets changed').length - 1;
			await running.waitUntil('a change', () => changes() >= round, PATIENCE);
		}
		return cpuOf(running.pid);
	} catch {
		return undefined;
	}
}

try {
	process.stdout.write('| limit MiB | two changes written | CPU ms |\n| --- | --- | --- |\n');
	for (const limit of LIMITS) {
		const cpu = await attempt(limit);
		process.stdout.write(`| ${limit} | ${cpu === undefined ? 'no' : 'yes'} | ${cpu ?? ''} |\n`);
	}
} finally {
	await bao.stop();
	await place.remove();
}
