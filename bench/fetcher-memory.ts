/**
 * Finds the lowest memory limit with which the fetcher succeeds, and the same for `bao agent`: for 3 × 4
 * keys, and for 3 × 500 keys of 1 KiB. The limit applies to everything that counts for a container: its own
 * memory, the volume, and the pages of the executable, which the kernel may drop. The bench copies each
 * program, so that no other process shares its pages.
 */
import { copyFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import process from 'node:process';
import { makeLimitedGroup, whyNoLimits } from '../test/support/limits.ts';
import { startOpenBao } from '../test/support/openbao.ts';
import { runProcess } from '../test/support/process.ts';
import { EXECUTABLE, fetcherEnv } from './support/fetcher.ts';
import { fill, makeSurroundings, openDoor } from './support/tiers.ts';

/** Number of runs that must succeed with a limit. */
const RUNS = 3;
const MOST_MIB = 512;
const STEP_MIB = 2;

const problem = whyNoLimits();
if (problem !== undefined) {
	process.stdout.write(`not run: ${problem}\n`);
	process.exit(0);
}

const value = (_: number, key: number): string => `${key} `.repeat(1024).slice(0, 1024);

interface Command {
	readonly command: string;
	readonly args: readonly string[];
	readonly env: Readonly<Record<string, string>>;
}

async function succeeds({ command, args, env }: Command, memoryMiB: number, name: string): Promise<boolean> {
	for (let run = 0; run < RUNS; run += 1) {
		await using group = await makeLimitedGroup(`${name}-${memoryMiB}-${run}`, { memoryMiB });
		const [launcher = command, ...rest] = [...group.launcher, command, ...args];
		const { code } = await runProcess({ command: launcher, args: rest, env, timeoutMs: 100_000 });
		if (code !== 0) return false;
	}
	return true;
}

/** The lowest limit in MiB, rounded up to a step. */
async function leastLimit(program: Command, name: string): Promise<number> {
	let [low, high] = [0, MOST_MIB];
	while (high - low > STEP_MIB) {
		const middle = (low + high) / 2;
		if (await succeeds(program, middle, name)) high = middle;
		else low = middle;
	}
	return high;
}

const bao = await startOpenBao();
try {
	const jwt = await openDoor(bao);
	process.stdout.write('| keys, 3 × | fetcher, least MiB | `bao agent`, least MiB |\n| --- | --- | --- |\n');
	for (const keys of [4, 500]) {
		const deployment = `shop-${keys}`;
		await fill(bao, deployment, keys, value);
		const { place, tokenFile, agentFile } = await makeSurroundings(jwt, bao.addr, bao.caFile, deployment);
		const fetcher = join(place.dir, 'fetcher');
		copyFileSync(EXECUTABLE, fetcher);
		const agent = join(place.dir, 'agent');
		copyFileSync(bao.binary.path, agent);
		const env = fetcherEnv(bao, { deployment, tokenFile, out: place.dir, addr: bao.addr });
		const name = basename(place.dir);
		const own = await leastLimit({ command: fetcher, args: [], env }, `${name}-fetcher`);
		const theirs = await leastLimit(
			{ command: agent, args: ['agent', `-config=${agentFile}`], env: { HOME: place.dir } },
			`${name}-agent`,
		);
		process.stdout.write(`| ${keys} | ${own} | ${theirs} |\n`);
		await place.remove();
	}
} finally {
	await bao.stop();
}
