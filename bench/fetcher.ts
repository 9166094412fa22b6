/**
 * The whole life of the built fetcher as a process, beside `bao agent` with the same secrets (exit_after_auth, one template) and beside Node
 * that does nothing. Runs alternate, so that a noisy machine disturbs all alike; the ratios carry over to other machines, milliseconds don't.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { startTcpProxy } from '../test/support/fault-proxy.ts';
import { startOpenBao } from '../test/support/openbao.ts';
import { type Cost, canMeasure, measure, type Program } from './support/measure.ts';
import { median } from './support/stats.ts';
import { fill, makeSurroundings, openDoor } from './support/tiers.ts';

const BUNDLE = join(import.meta.dirname, '../dist/fetcher.mjs');

/** How the image starts it (Dockerfile.fetcher); OpenSSL's own store is empty there. */
const AS_IN_THE_IMAGE = {
	args: ['--use-openssl-ca', '--min-semi-space-size=16', '--max-semi-space-size=16'],
	env: { SSL_CERT_FILE: '/nonexistent', SSL_CERT_DIR: '/nonexistent' },
};

const CASES = [
	{ keys: 4, delayMs: 0, rounds: 15 },
	{ keys: 4, delayMs: 25, rounds: 5 },
	{ keys: 50, delayMs: 0, rounds: 5 },
	{ keys: 500, delayMs: 0, rounds: 3 },
] as const;

if (!canMeasure()) {
	process.stdout.write('not run: measuring a child process needs Linux and python3\n');
	process.exit(0);
}

const bao = await startOpenBao();
const proxy = await startTcpProxy(Number(new URL(bao.addr).port));
const addr = `https://127.0.0.1:${proxy.port}`;
const jwt = await openDoor(bao);

/** Programs that do the same work, by the name of their row. */
function programsFor(
	deployment: string,
	at: string,
	tokenFile: string,
	agentFile: string,
	out: string,
): Record<string, Program> {
	const env = {
		ENVTIER_VAULT_ADDR: at,
		ENVTIER_VAULT_CA: bao.caPem,
		ENVTIER_VAULT_AUTH_MOUNT: 'jwt',
		ENVTIER_VAULT_ROLE: 'web',
		ENVTIER_TOKEN_FILE: tokenFile,
		ENVTIER_ORG: deployment,
		ENVTIER_DEPLOYMENT: deployment,
		ENVTIER_SERVICE: 'web',
		ENVTIER_OUT: out,
		ENVTIER_TERMINATION_LOG: join(out, 'none'),
	};
	const node = process.execPath;
	return {
		'node -e 0': { command: node, args: ['-e', '0'], env: {} },
		'fetcher, as in its image': {
			command: node,
			args: [...AS_IN_THE_IMAGE.args, BUNDLE],
			env: { ...env, ...AS_IN_THE_IMAGE.env },
		},
		'fetcher, node dist/fetcher.mjs': { command: node, args: [BUNDLE], env },
		[`${bao.binary.kind === 'vault' ? 'vault' : 'bao'} agent`]: {
			command: bao.binary.path,
			args: ['agent', `-config=${agentFile}`],
			env: { HOME: out },
		},
	};
}

const ms = (value: number): string => value.toFixed(0).padStart(7);
const times = (value: number, base: number): string => `${(value / base).toFixed(2)} ×`.padStart(8);

function print(title: string, costs: ReadonlyMap<string, readonly Cost[]>): void {
	const medians = [...costs].map(([name, runs]) => ({
		name,
		wall: median(runs.map(({ wallMs }) => wallMs)),
		cpu: median(runs.map(({ cpuMs }) => cpuMs)),
		peak: median(runs.map(({ peakMiB }) => peakMiB)),
	}));
	const bare = medians[0];
	const agent = medians.at(-1);
	if (bare === undefined || agent === undefined) return;
	process.stdout.write(`\n${title}\n`);
	process.stdout.write(
		`${''.padEnd(32)}${'wall ms'.padStart(8)}${'cpu ms'.padStart(8)}${'MiB'.padStart(8)}   beside bare Node: wall     beside the agent: wall, cpu, memory\n`,
	);
	for (const { name, wall, cpu, peak } of medians)
		process.stdout.write(
			`${name.padEnd(32)}${ms(wall)} ${ms(cpu)} ${ms(peak)}   ${times(wall, bare.wall).padStart(23)}     ${times(wall, agent.wall)}${times(cpu, agent.cpu)}${times(peak, agent.peak)}\n`,
		);
}

try {
	for (const { keys, delayMs, rounds } of CASES) {
		const deployment = `shop-${keys}`;
		if (delayMs === 0) await fill(bao, deployment, keys);
		proxy.setDelay(delayMs);
		const at = delayMs === 0 ? bao.addr : addr;
		const { place, tokenFile, agentFile } = await makeSurroundings(jwt, at, bao.caFile, deployment);
		const programs = Object.entries(programsFor(deployment, at, tokenFile, agentFile, place.dir));
		const costs = new Map<string, Cost[]>(programs.map(([name]) => [name, []]));
		// The first round warms the file cache and is not counted.
		for (let round = -1; round < rounds; round++) {
			for (const [name, program] of programs) {
				const cost = await measure(program);
				if (round >= 0) costs.get(name)?.push(cost);
			}
		}
		const written = readFileSync(join(place.dir, 'env'), 'utf8').split('\n').sort().join();
		const rendered = readFileSync(join(place.dir, 'agent-env'), 'utf8').split('\n').sort().join();
		if (written !== rendered) throw new Error('fetcher and agent wrote different files');
		const last = costs.get('fetcher, as in its image')?.at(-1)?.stdout ?? '';
		const { requests, connections } = JSON.parse(last) as { requests: number; connections: number };
		const delay = delayMs === 0 ? 'no delay' : `${2 * delayMs} ms of round trip`;
		print(
			`3 tiers × ${keys} keys, TLS, jwt login, ${delay}; medians of ${rounds} runs; the fetcher made ${requests} requests over ${connections} connection(s)`,
			costs,
		);
		await place.remove();
	}
} finally {
	await proxy[Symbol.asyncDispose]();
	await bao.stop();
}
