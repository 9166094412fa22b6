/**
 * Many pods in front of one OpenBao: connections and requests while nothing happens, and how they come back
 * after an outage, in which one secret changes. By default 1,000 sidecars, each the real executable, and 300
 * `bao agent`s beside them check every 5 minutes, and the outage takes 10 minutes; the bench takes about 40.
 * PODS, AGENTS, PERIOD and OUTAGE (seconds) set the size. A sidecar takes 5 MiB of memory, an agent 14.
 */
import { createReadStream, mkdirSync, statSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeJwtSigner, serviceAccountClaims } from '../test/support/jwt.ts';
import { type OpenBao, startOpenBao } from '../test/support/openbao.ts';
import { enableAuth, must, putSecret, writePolicy, writeRole } from '../test/support/openbao-setup.ts';
import { type RunningProcess, startProcess } from '../test/support/process.ts';
import { startAgent } from './support/agent.ts';
import { EXECUTABLE, fetcherEnv } from './support/fetcher.ts';
import { type Gate, openGate } from './support/gate.ts';
import { cpuOf, memoryOf } from './support/proc.ts';
import { percentile } from './support/stats.ts';
import { fill, makeSurroundings } from './support/tiers.ts';

const PODS = Number(process.env['PODS'] ?? 1_000);
const AGENTS = Number(process.env['AGENTS'] ?? 300);
const PERIOD = Number(process.env['PERIOD'] ?? 300);
const OUTAGE = Number(process.env['OUTAGE'] ?? 600);
const KEYS = 4;
const DEPLOYMENT = 'shop';
/** So many are started at a time. */
const AT_ONCE = 10;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** One program, its pods, and the door through which they reach OpenBao. */
interface Fleet {
	readonly name: string;
	/** Where it logs in, by which the audit log tells the programs apart. */
	readonly mount: string;
	readonly count: number;
	readonly gate: Gate;
	readonly start: (dir: string) => Promise<RunningProcess>;
	readonly pods: { readonly dir: string; readonly running: RunningProcess }[];
}

/** The times of requests of a fleet in the audit log, in ms since the epoch. */
async function requestTimes(file: string, { mount }: Fleet): Promise<readonly number[]> {
	const times: number[] = [];
	// Line by line: it has hundreds of MiB.
	for await (const line of createInterface({ input: createReadStream(file) }))
		if (line.includes('"type":"request"') && line.includes(mount))
			times.push(Date.parse((JSON.parse(line) as { readonly time: string }).time));
	return times;
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

async function startFleet(fleet: Fleet, place: string): Promise<void> {
	const start = async (index: number) => {
		const dir = join(place, `${fleet.mount}-${index}`);
		mkdirSync(join(dir, 'private'), { recursive: true });
		return { dir, running: await fleet.start(dir) };
	};
	for (let first = 0; first < fleet.count; first += AT_ONCE)
		fleet.pods.push(
			...(await Promise.all(
				Array.from({ length: Math.min(AT_ONCE, fleet.count - first) }, (_, i) => start(first + i)),
			)),
		);
}

/** When each pod's file was written last, in ms since the epoch. */
const writes = ({ pods }: Fleet): readonly number[] =>
	pods.map(({ dir }) => statSync(join(dir, 'env'), { throwIfNoEntry: false })?.mtimeMs ?? 0);

/** A mount and a role for each program, with tokens of ten minutes as `setup.sh role` gives. */
async function openDoors(bao: OpenBao, mounts: readonly string[]): Promise<string> {
	const signer = makeJwtSigner();
	await writePolicy(bao, 'bench', 'path "secret/*" { capabilities = ["list", "read"] }');
	for (const mount of mounts) {
		await enableAuth(bao, 'jwt', { at: mount, config: { jwt_validation_pubkeys: [signer.publicKeyPem] } });
		await writeRole(bao, mount, 'web', {
			...{ role_type: 'jwt', user_claim: 'sub', bound_audiences: ['vault'], token_policies: ['bench'] },
			...{ bound_subject: 'system:serviceaccount:shop:web', token_ttl: '10m' },
		});
	}
	const now = Math.floor(Date.now() / 1000);
	return signer.sign(serviceAccountClaims('shop', 'web', { exp: now + 24 * 3_600 }));
}

/** Counts open connections once a second for some seconds. */
async function watchOpen(fleets: readonly Fleet[], seconds: number): Promise<ReadonlyMap<Fleet, number[]>> {
	const open = new Map(fleets.map((fleet) => [fleet, [] as number[]]));
	for (let second = 0; second < seconds; second += 1) {
		for (const fleet of fleets) open.get(fleet)?.push(fleet.gate.open());
		await sleep(1_000);
	}
	return open;
}

const bao = await startOpenBao();
const MOUNTS = ['jwt-sidecar', 'jwt-agent'] as const;
const jwt = await openDoors(bao, MOUNTS);
await fill(bao, DEPLOYMENT, KEYS);
const port = Number(new URL(bao.addr).port);
const { place, tokenFile, agentFile } = await makeSurroundings(jwt, bao.addr, bao.caFile, DEPLOYMENT);
const [sidecarGate, agentGate] = [await openGate(port), await openGate(port)];
const [sidecarMount, agentMount] = MOUNTS;
const sidecars: Fleet = {
	...{ name: 'sidecar', mount: sidecarMount, count: PODS, gate: sidecarGate, pods: [] },
	start: (dir) =>
		startProcess({
			command: EXECUTABLE,
			env: {
				...fetcherEnv(bao, {
					...{ deployment: DEPLOYMENT, tokenFile, out: dir },
					addr: `https://127.0.0.1:${sidecarGate.port}`,
				}),
				ENVTIER_VAULT_AUTH_MOUNT: sidecarMount,
				ENVTIER_MODE: 'refresh',
				ENVTIER_REFRESH: String(PERIOD),
				ENVTIER_PRIVATE_DIR: join(dir, 'private'),
			},
		}),
};
const agents: Fleet = {
	...{ name: 'bao agent', mount: agentMount, count: AGENTS, gate: agentGate, pods: [] },
	start: (dir) =>
		startAgent(bao, {
			...{ dir, agentFile, mount: agentMount, period: PERIOD },
			addr: `https://127.0.0.1:${agentGate.port}`,
		}),
};
const fleets = [sidecars, agents].filter(({ count }) => count > 0);
try {
	const audit = join(bao.dir, 'bench-audit.log');
	await must(bao, 'PUT', 'sys/audit/bench', { body: { type: 'file', options: { file_path: audit } } });
	say(
		`${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)}, shared by OpenBao, ${PODS} sidecars and ${AGENTS} agents; ` +
			`a period of ${PERIOD} s, an outage of ${OUTAGE} s; 3 × ${KEYS} keys`,
	);
	for (const fleet of fleets) await startFleet(fleet, place.dir);
	await sleep(PERIOD * 1_400);

	const steadyFrom = Date.now();
	const cpu = cpuOf(bao.pid());
	const arrivedBefore = new Map(fleets.map((fleet) => [fleet, fleet.gate.arrivals.length]));
	const open = await watchOpen(fleets, PERIOD);
	const steadyTo = Date.now();
	const seconds = (steadyTo - steadyFrom) / 1_000;
	say(`\nwhile nothing happens, ${seconds.toFixed(0)} s:`);
	for (const fleet of fleets) {
		const arrived = fleet.gate.arrivals.length - (arrivedBefore.get(fleet) ?? 0);
		const memory = fleet.pods.map(({ running }) => memoryOf(running.pid));
		const median = (field: 'rss' | 'pss' | 'own') =>
			percentile(
				memory.map((one) => one[field]),
				0.5,
			).toFixed(1);
		say(`  ${fleet.count} × ${fleet.name}:`);
		say(
			`    requests a second: ${spread(perSecond(await requestTimes(audit, fleet), steadyFrom, steadyTo))}`,
		);
		say(
			`    open connections: ${spread(open.get(fleet) ?? [0])}; new ones a second: ${(arrived / seconds).toFixed(1)}`,
		);
		say(`    memory: RSS ${median('rss')}, PSS ${median('pss')}, own ${median('own')} MiB`);
	}
	say(`  CPU of OpenBao: ${((cpuOf(bao.pid()) - cpu) / seconds / 10).toFixed(1)} % of a core`);

	for (const { gate } of fleets) gate.setClosed(true);
	const closedAt = performance.now();
	await putSecret(bao, `deployments/${DEPLOYMENT}/secrets/KEY_1_0`, 'changed in the outage');
	await sleep(OUTAGE * 1_000);
	say(`\nan outage of ${OUTAGE} s, attempts to connect a second:`);
	for (const { name, gate } of fleets) {
		const attempts = perSecond(gate.arrivals, closedAt, performance.now());
		const part = Math.min(60, Math.floor(OUTAGE / 2));
		say(`  ${name}, first ${part} s: ${spread(attempts.slice(0, part))}`);
		say(`  ${name}, last ${part} s: ${spread(attempts.slice(-part))}`);
	}

	for (const { gate } of fleets) gate.setClosed(false);
	const back = Date.now();
	const recovering = watchOpen(fleets, PERIOD);
	await sleep(PERIOD * 1_300);
	const opened = await recovering;
	say(`\nafter it, ${(PERIOD * 1.3).toFixed(0)} s:`);
	for (const fleet of fleets) {
		const times = await requestTimes(audit, fleet);
		const again = writes(fleet)
			.filter((time) => time > back)
			.map((time) => (time - back) / 1_000);
		say(`  ${fleet.count} × ${fleet.name}:`);
		say(`    requests a second: ${spread(perSecond(times, back, back + PERIOD * 1_000))}`);
		say(`    open connections: ${spread(opened.get(fleet) ?? [0])}`);
		say(
			`    ${again.length} have the change: a tenth after ${percentile(again, 0.1).toFixed(1)} s, ` +
				`half after ${percentile(again, 0.5).toFixed(1)} s, 9 of 10 after ${percentile(again, 0.9).toFixed(1)} s, the last after ${Math.max(...again).toFixed(1)} s`,
		);
		const ended = await Promise.all(
			fleet.pods.map(({ running }) => Promise.race([running.exited, undefined])),
		);
		say(`    ${ended.filter((one) => one === undefined).length} of ${fleet.count} still run`);
	}
} finally {
	await Promise.all(fleets.flatMap(({ pods }) => pods.map(({ running }) => running.stop(0))));
	for (const { gate } of fleets) gate.close();
	await bao.stop();
	await place.remove();
}
