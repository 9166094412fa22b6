/**
 * Many sidecars in front of one OpenBao: connections and requests while nothing happens, and how they come
 * back after an outage of two periods. Each is the real executable. By default 200 of them check each minute,
 * which makes the requests of 1,000 at the default period of 5 minutes. PODS and PERIOD (seconds) set
 * the size.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { type OpenBao, startOpenBao } from '../test/support/openbao.ts';
import { must, writePolicy } from '../test/support/openbao-setup.ts';
import { type RunningProcess, startProcess } from '../test/support/process.ts';
import { EXECUTABLE, fetcherEnv } from './support/fetcher.ts';
import { type Gate, openGate } from './support/gate.ts';
import { cpuOf } from './support/proc.ts';
import { percentile } from './support/stats.ts';
import { fill, makeSurroundings, openDoor } from './support/tiers.ts';

const PODS = Number(process.env['PODS'] ?? 200);
const PERIOD = Number(process.env['PERIOD'] ?? 60);
const KEYS = 4;
const DEPLOYMENT = 'shop';
/** So many are started at a time. */
const AT_ONCE = 10;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** The times of requests in the audit log, in ms since the epoch. */
function requestTimes(file: string): readonly number[] {
	const lines = readFileSync(file, 'utf8').split('\n');
	return lines
		.filter((line) => line.includes('"type":"request"'))
		.map((line) => Date.parse((JSON.parse(line) as { readonly time: string }).time));
}

/** How many of these times come in each second between two times. */
function perSecond(times: readonly number[], from: number, to: number): readonly number[] {
	const counts = Array.from({ length: Math.max(1, Math.floor((to - from) / 1_000)) }, () => 0);
	for (const time of times) {
		const second = Math.floor((time - from) / 1_000);
		if (second >= 0 && second < counts.length) counts[second] = (counts[second] ?? 0) + 1;
	}
	return counts;
}

const mean = (all: readonly number[]): number => all.reduce((sum, one) => sum + one, 0) / all.length;
const spread = (all: readonly number[]): string =>
	`mean ${mean(all).toFixed(1)}, p99 ${percentile(all, 0.99)}, most ${Math.max(...all)}`;

async function startAll(bao: OpenBao, gate: Gate, dir: string, tokenFile: string): Promise<RunningProcess[]> {
	const addr = `https://127.0.0.1:${gate.port}`;
	const start = async (index: number): Promise<RunningProcess> => {
		const out = join(dir, `pod-${index}`);
		mkdirSync(join(out, 'private'), { recursive: true });
		return await startProcess({
			command: EXECUTABLE,
			env: {
				...fetcherEnv(bao, { deployment: DEPLOYMENT, tokenFile, out, addr }),
				ENVTIER_MODE: 'refresh',
				ENVTIER_REFRESH: String(PERIOD),
				ENVTIER_PRIVATE_DIR: join(out, 'private'),
			},
		});
	};
	const running: RunningProcess[] = [];
	for (let first = 0; first < PODS; first += AT_ONCE)
		running.push(
			...(await Promise.all(
				Array.from({ length: Math.min(AT_ONCE, PODS - first) }, (_, i) => start(first + i)),
			)),
		);
	return running;
}

/** When each sidecar logged a text for the first time, in ms since the epoch. */
function firstLogged(running: readonly RunningProcess[], text: string): readonly number[] {
	return running.flatMap((one) => {
		const line = one
			.stdout()
			.split('\n')
			.find((each) => each.includes(text));
		return line === undefined ? [] : [(JSON.parse(line) as { readonly time: number }).time];
	});
}

const bao = await startOpenBao();
const jwt = await openDoor(bao);
await writePolicy(bao, 'bench', 'path "secret/*" { capabilities = ["list", "read"] }');
await fill(bao, DEPLOYMENT, KEYS);
const gate = await openGate(Number(new URL(bao.addr).port));
const { place, tokenFile } = await makeSurroundings(jwt, bao.addr, bao.caFile, DEPLOYMENT);
let running: readonly RunningProcess[] = [];
try {
	const audit = join(bao.dir, 'bench-audit.log');
	await must(bao, 'PUT', 'sys/audit/bench', { body: { type: 'file', options: { file_path: audit } } });
	say(
		`${availableParallelism()} cores, shared by OpenBao and ${PODS} sidecars with a period of ${PERIOD} s; 3 × ${KEYS} keys`,
	);
	running = await startAll(bao, gate, place.dir, tokenFile);
	await sleep(PERIOD * 1_400);

	const open: number[] = [];
	const steadyFrom = Date.now();
	const [cpu, arrived] = [cpuOf(bao.pid()), gate.arrivals.length];
	for (let second = 0; second < PERIOD * 2; second += 1) {
		open.push(gate.open());
		await sleep(1_000);
	}
	const steadyTo = Date.now();
	const seconds = (steadyTo - steadyFrom) / 1_000;
	say(`\nwhile nothing happens, ${seconds.toFixed(0)} s:`);
	say(`  requests a second: ${spread(perSecond(requestTimes(audit), steadyFrom, steadyTo))}`);
	say(
		`  open connections: ${spread(open)}; new ones a second: ${((gate.arrivals.length - arrived) / seconds).toFixed(1)}`,
	);
	say(`  CPU of OpenBao: ${((cpuOf(bao.pid()) - cpu) / seconds / 10).toFixed(1)} % of a core`);

	gate.setClosed(true);
	const closedAt = performance.now();
	await sleep(PERIOD * 2_000);
	const attempts = perSecond(
		gate.arrivals.filter((time) => time > closedAt),
		closedAt,
		performance.now(),
	);
	say(`\nan outage of ${PERIOD * 2} s:`);
	say(`  attempts a second in its first ${PERIOD} s: ${spread(attempts.slice(0, PERIOD))}`);
	say(`  attempts a second in its last ${PERIOD} s: ${spread(attempts.slice(PERIOD))}`);

	gate.setClosed(false);
	const back = Date.now();
	await sleep(PERIOD * 1_300);
	const again = firstLogged(running, 'succeeded again').map((time) => (time - back) / 1_000);
	say('\nafter it:');
	say(`  requests a second: ${spread(perSecond(requestTimes(audit), back, back + PERIOD * 1_000))}`);
	say(
		`  ${again.length} of ${PODS} had a good check within ${PERIOD * 1.3} s: half after ${percentile(again, 0.5).toFixed(1)} s, the last after ${Math.max(...again).toFixed(1)} s`,
	);
	const ended = await Promise.all(running.map(({ exited }) => Promise.race([exited, undefined])));
	say(`  ${ended.filter((one) => one === undefined).length} of ${PODS} still run`);
} finally {
	for (const one of running) await one.stop(0);
	gate.close();
	await bao.stop();
	await place.remove();
}
