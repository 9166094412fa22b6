/**
 * Measures the built fetcher as a process, from start to end. Compares it with `bao agent` for the same
 * secrets (exit_after_auth, one template) and with an idle Node. Runs alternate, so that a noisy machine
 * affects all of them equally. The ratios are valid on other machines, the milliseconds are not. Cold runs
 * use copies of the programs and drop them from the page cache before each run.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { startTcpProxy } from '../test/support/fault-proxy.ts';
import { startOpenBao } from '../test/support/openbao.ts';
import { CHART_THEMES, fetcherChart } from './support/chart.ts';
import { EXECUTABLE, fetcherEnv } from './support/fetcher.ts';
import { type Cost, canMeasure, measure, type Program } from './support/measure.ts';
import { AGENT, FETCHER, type FetcherCase, type FetcherResults } from './support/results.ts';
import { percentile } from './support/stats.ts';
import { fill, makeSurroundings, openDoor } from './support/tiers.ts';

/** Numbers of keys with and without delay, warm and cold. Expensive cases have fewer rounds. */
const CASES = [
	{ keys: 4, delayMs: 0, rounds: 15, cold: false },
	{ keys: 4, delayMs: 25, rounds: 9, cold: false },
	{ keys: 4, delayMs: 0, rounds: 7, cold: true },
	{ keys: 4, delayMs: 25, rounds: 5, cold: true },
	{ keys: 50, delayMs: 0, rounds: 7, cold: false },
	{ keys: 50, delayMs: 25, rounds: 5, cold: false },
	{ keys: 50, delayMs: 0, rounds: 5, cold: true },
	{ keys: 50, delayMs: 25, rounds: 3, cold: true },
	{ keys: 500, delayMs: 0, rounds: 5, cold: false },
	{ keys: 500, delayMs: 25, rounds: 3, cold: false },
	{ keys: 500, delayMs: 0, rounds: 3, cold: true },
	{ keys: 500, delayMs: 25, rounds: 3, cold: true },
] as const;

if (!canMeasure()) {
	process.stdout.write('not run: measuring a child process needs Linux and python3\n');
	process.exit(0);
}

/** Numbers of keys to measure, separated by commas. The default is all. */
const ONLY = process.env['KEYS']?.split(',').map(Number);
/** Directory for results and charts. Without it they are not written. */
const RESULTS = process.env['RESULTS'];
/**
 * A bundle of the fetcher for Node, from before it was an executable (ADR 59). The bench measures it if set.
 */
const ON_NODE = process.env['FETCHER_ON_NODE'];

const bao = await startOpenBao();
const proxy = await startTcpProxy(Number(new URL(bao.addr).port));
const addr = `https://127.0.0.1:${proxy.port}`;
const jwt = await openDoor(bao);

interface Case {
	readonly deployment: string;
	readonly at: string;
	readonly tokenFile: string;
	readonly agentFile: string;
	readonly out: string;
	readonly cold: boolean;
}

/** Programs with the same work, by the name of their row. */
function programsFor({ deployment, at, tokenFile, agentFile, out, cold }: Case): Record<string, Program> {
	/** A copy that no other process has in memory. */
	const own = (file: string, name: string): string => {
		const copy = join(out, name);
		if (cold) copyFileSync(file, copy);
		return cold ? copy : file;
	};
	const node = own(process.execPath, 'node');
	const fetcher = own(EXECUTABLE, 'fetcher');
	const agent = own(bao.binary.path, 'agent');
	const env = fetcherEnv(bao, { deployment, tokenFile, out, addr: at });
	const evicted = (...files: readonly string[]) => (cold ? { evict: files } : {});
	return {
		'node -e 0': { command: node, args: ['-e', '0'], env: {}, ...evicted(node) },
		[FETCHER]: { command: fetcher, args: [], env, ...evicted(fetcher) },
		...(ON_NODE === undefined
			? {}
			: { 'fetcher on Node': { command: node, args: [ON_NODE], env, ...evicted(node) } }),
		[AGENT]: {
			command: agent,
			args: ['agent', `-config=${agentFile}`],
			env: { HOME: out },
			...evicted(agent),
		},
	};
}

const times = (value: number, base: number): string => `${(value / base).toFixed(2)} ×`;

/** The median, and in brackets the 10th and 90th percentile. */
function spread(values: readonly number[]): string {
	const [low, middle, high] = [0.1, 0.5, 0.9].map((at) => percentile(values, at).toFixed(0));
	return `${middle} (${low}–${high})`;
}

function print(title: string, costs: ReadonlyMap<string, readonly Cost[]>): void {
	const rows = [...costs].map(([name, runs]) => {
		const of = (what: (cost: Cost) => number) => runs.map(what);
		const middle = (what: (cost: Cost) => number) => percentile(of(what), 0.5);
		return { name, runs, of, middle };
	});
	const [bare, agent] = [rows[0], rows.at(-1)];
	if (bare === undefined || agent === undefined) return;
	const wall = ({ wallMs }: Cost) => wallMs;
	const cpu = ({ cpuMs }: Cost) => cpuMs;
	const peak = ({ peakMiB }: Cost) => peakMiB;
	process.stdout.write(`\n### ${title}\n\n`);
	process.stdout.write(
		'| | wall ms | CPU ms | peak MiB | disk faults | beside bare Node: wall, CPU | beside the agent: wall, CPU, memory |\n| --- | --- | --- | --- | --- | --- | --- |\n',
	);
	for (const { name, of, middle } of rows) {
		const besideBare = [wall, cpu].map((what) => times(middle(what), bare.middle(what))).join(', ');
		const besideAgent = [wall, cpu, peak].map((what) => times(middle(what), agent.middle(what))).join(', ');
		process.stdout.write(
			`| ${name} | ${spread(of(wall))} | ${spread(of(cpu))} | ${middle(peak).toFixed(0)} | ${middle(({ diskFaults }) => diskFaults)} | ${besideBare} | ${besideAgent} |\n`,
		);
	}
}

const medians = (costs: readonly Cost[]) => {
	const middle = (what: (cost: Cost) => number): number =>
		Number(percentile(costs.map(what), 0.5).toFixed(1));
	return {
		wallMs: middle(({ wallMs }) => wallMs),
		cpuMs: middle(({ cpuMs }) => cpuMs),
		peakMiB: middle(({ peakMiB }) => peakMiB),
	};
};

/** Writes the results and charts. Keeps earlier results for other numbers of keys. */
function save(cases: readonly FetcherCase[]): void {
	if (RESULTS === undefined) return;
	mkdirSync(RESULTS, { recursive: true });
	const file = join(RESULTS, 'fetcher.json');
	const earlier = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as FetcherResults).cases : [];
	const otherCases = earlier.filter(({ keys }) => ONLY?.includes(keys) === false);
	const results: FetcherResults = {
		date: new Date().toISOString().slice(0, 10),
		cores: availableParallelism(),
		cases: [...otherCases, ...cases].sort((a, b) => a.keys - b.keys),
	};
	writeFileSync(file, `${JSON.stringify(results, null, '\t')}\n`);
	for (const theme of CHART_THEMES)
		writeFileSync(join(RESULTS, `fetcher-${theme}.svg`), fetcherChart(results, theme));
}

const cases: FetcherCase[] = [];
try {
	for (const { keys, delayMs, rounds, cold } of CASES) {
		if (ONLY?.includes(keys) === false) continue;
		const deployment = `shop-${keys}`;
		if (delayMs === 0 && !cold) await fill(bao, deployment, keys);
		proxy.setDelay(delayMs);
		const at = delayMs === 0 ? bao.addr : addr;
		const { place, tokenFile, agentFile } = await makeSurroundings(jwt, at, bao.caFile, deployment);
		const surroundings = { deployment, at, tokenFile, agentFile, out: place.dir, cold };
		const programs = Object.entries(programsFor(surroundings));
		const costs = new Map<string, Cost[]>(programs.map(([name]) => [name, []]));
		let agentConnections = 0;
		// The first round warms the file cache and does not count.
		for (let round = -1; round < rounds; round++) {
			for (const [name, program] of programs) {
				const before = proxy.connections();
				const cost = await measure(program);
				agentConnections = proxy.connections() - before;
				if (round >= 0) costs.get(name)?.push(cost);
			}
		}
		cases.push({
			...{ keys, roundTripMs: 2 * delayMs, cold, rounds },
			programs: Object.fromEntries([...costs].map(([name, runs]) => [name, medians(runs)])),
		});
		save(cases);
		const written = readFileSync(join(place.dir, 'env'), 'utf8').split('\n').sort().join();
		const rendered = readFileSync(join(place.dir, 'agent-env'), 'utf8').split('\n').sort().join();
		if (written !== rendered) throw new Error('fetcher and agent wrote different files');
		const last = JSON.parse(costs.get(FETCHER)?.at(-1)?.stdout ?? '');
		const { writtenAfterMs, durationMs } = last;
		const delay = delayMs === 0 ? 'no delay' : `${2 * delayMs} ms of round trip`;
		print(`3 tiers × ${keys} keys, ${delay}${cold ? ', cold file cache' : ''}`, costs);
		process.stdout.write(
			`\nMedians of ${rounds} alternating runs. The fetcher: ${last.requests} requests over ${last.protocol}, written after ${writtenAfterMs} ms and revoked after ${durationMs} ms in its last run${delayMs === 0 ? '' : `; the agent: ${agentConnections} connection(s)`}.\n`,
		);
		await place.remove();
	}
} finally {
	await proxy[Symbol.asyncDispose]();
	await bao.stop();
}
