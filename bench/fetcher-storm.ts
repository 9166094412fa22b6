/**
 * Starts 200 pods at the same time, with one OpenBao on the same cores: fetchers, then `bao agent`s, then
 * fetchers with a Vault that limits logins. Before that it measures the server's CPU time for each kind of
 * request. At the end it estimates the load of a large cluster. FETCHERS and SECONDS set the size.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type OpenBao, startOpenBao } from '../test/support/openbao.ts';
import { must } from '../test/support/openbao-setup.ts';
import { startProcess } from '../test/support/process.ts';
import { EXECUTABLE, fetcherEnv } from './support/fetcher.ts';
import { type Http2Client, openHttp2 } from './support/http2.ts';
import { percentile } from './support/stats.ts';
import { fill, makeSurroundings, openDoor } from './support/tiers.ts';

const PODS = Number(process.env['FETCHERS'] ?? 200);
const SECONDS = Number(process.env['SECONDS'] ?? 150);
const KEYS = 4;
const TIERS = 3;
/** Rate limit of the limited Vault, in logins per second. Every machine exceeds it. */
const RATE = 5;
/** Number of requests of each kind to measure. */
const SAMPLES = 400;
const DEPLOYMENT = 'shop';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** CPU time of the server so far, in milliseconds (proc(5): utime and stime, in hundredths of a second). */
function cpuOf(bao: OpenBao): number {
	const fields = readFileSync(`/proc/${bao.pid()}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
	return (Number(fields[11]) + Number(fields[12])) * 10;
}

type Costs = Readonly<Record<'connection' | 'login' | 'list' | 'read' | 'revoke', number>>;

/** CPU time of the server for one request of each kind, in ms. */
async function measureCosts(bao: OpenBao, jwt: string): Promise<Costs> {
	const client = openHttp2(bao);
	const send = async (via: Http2Client, method: string, path: string, token = '', body?: object) => {
		const answer = await via.send(
			method,
			`/v1/${path}`,
			token,
			body === undefined ? '' : JSON.stringify(body),
		);
		if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${answer.body}`);
		return answer.body === '' ? {} : JSON.parse(answer.body);
	};
	const each = async (work: () => Promise<unknown>): Promise<number> => {
		const before = cpuOf(bao);
		for (let sample = 0; sample < SAMPLES; sample++) await work();
		return (cpuOf(bao) - before) / SAMPLES;
	};
	const tokens: string[] = [];
	const login = async (): Promise<void> => {
		const { auth } = await send(client, 'POST', 'auth/jwt/login', '', { role: 'web', jwt });
		tokens.push(auth.client_token);
	};
	const folder = `deployments/${DEPLOYMENT}/secrets`;
	const health = await each(() => send(client, 'GET', 'sys/health'));
	const connection = await each(async () => {
		const one = openHttp2(bao);
		await send(one, 'GET', 'sys/health');
		one.close();
	});
	const costs = {
		connection: connection - health,
		login: await each(login),
		list: await each(() => send(client, 'GET', `secret/metadata/${folder}?list=true`, tokens[0])),
		read: await each(() => send(client, 'GET', `secret/data/${folder}/KEY_1_0`, tokens[0])),
		revoke: await each(() => send(client, 'POST', 'auth/token/revoke-self', tokens.pop(), {})),
	};
	client.close();
	return costs;
}

/** The results of many processes that started at the same time. */
interface Storm {
	readonly failed: readonly string[];
	readonly walls: readonly number[];
	/** Time until the last process ended, in seconds. */
	readonly seconds: number;
	/** CPU time of the server for each pod, in milliseconds. */
	readonly serverMs: number;
	/** The output of each process. */
	readonly outputs: readonly string[];
}

/** Starts `PODS` processes at the same time and waits for all. Kills them after `SECONDS`. */
async function startAll(
	bao: OpenBao,
	commandOf: (index: number) => Parameters<typeof startProcess>[0],
): Promise<Storm> {
	const before = cpuOf(bao);
	const start = performance.now();
	const ends = Array.from({ length: PODS }, async (_, index) => {
		const running = await startProcess(commandOf(index));
		const began = performance.now();
		const timer = setTimeout(() => running.signal('SIGKILL'), SECONDS * 1_000);
		const { code, signal } = await running.exited;
		clearTimeout(timer);
		const output = running.output().trim();
		return {
			wall: performance.now() - began,
			output,
			failed: code === 0 ? [] : [`${signal ?? code}: ${output}`],
		};
	});
	const all = await Promise.all(ends);
	return {
		failed: all.flatMap(({ failed }) => failed),
		walls: all.map(({ wall }) => wall),
		seconds: (performance.now() - start) / 1_000,
		serverMs: (cpuOf(bao) - before) / PODS,
		outputs: all.map(({ output }) => output),
	};
}

function report(what: string, storm: Storm): void {
	const { failed, walls, seconds, serverMs, outputs } = storm;
	const [p50, p99] = [0.5, 0.99].map((at) => (percentile(walls, at) / 1_000).toFixed(1));
	say(
		`${what.padEnd(44)}${String(PODS - failed.length).padStart(4)} of ${PODS} ended well; the last after ${seconds.toFixed(1)} s, ` +
			`p50 ${p50} s, p99 ${p99} s; server ${serverMs.toFixed(1)} ms of CPU a pod`,
	);
	if (failed[0] !== undefined) say(`  for example: ${failed[0].slice(-400)}`);
	const lines = outputs.flatMap((output) => output.split('\n').filter((line) => line.startsWith('{')));
	const logged = lines.map(
		(line) => JSON.parse(line) as { readonly msg: string; readonly requests?: number },
	);
	const requests = logged.flatMap((line) => line.requests ?? []);
	if (requests.length === 0) return;
	const sum = requests.reduce((total, one) => total + one, 0);
	const again = sum - requests.length * (1 + TIERS + TIERS * KEYS + 1);
	const first = logged.find(({ msg }) => msg.includes('trying again'))?.msg;
	say(
		`  ${sum} requests, ${again} of them made again${first === undefined ? '' : `; for example because ${first}`}`,
	);
}

/** Estimates the load when all pods of a cluster start within some seconds. */
function model(costs: Costs): void {
	const reads = TIERS * KEYS;
	const pod = costs.connection + costs.login + TIERS * costs.list + reads * costs.read + costs.revoke;
	say(
		`\na pod of ${TIERS} tiers and ${reads} keys: ${pod.toFixed(1)} ms of the server's CPU, ${2 + TIERS + reads} requests, 1 connection`,
	);
	say('pods      within    pods/s   requests/s   cores that Vault needs');
	for (const [pods, seconds] of [
		[1_000, 60],
		[10_000, 300],
		[100_000, 3_600],
		[100_000, 600],
	] as const) {
		const rate = pods / seconds;
		say(
			`${String(pods).padEnd(10)}${`${seconds} s`.padEnd(10)}${rate.toFixed(0).padStart(6)}${(rate * (2 + TIERS + reads)).toFixed(0).padStart(13)}${((rate * pod) / 1_000).toFixed(1).padStart(12)}`,
		);
	}
}

const bao = await startOpenBao();
const jwt = await openDoor(bao);
await fill(bao, DEPLOYMENT, KEYS);
const { place, tokenFile, agentFile } = await makeSurroundings(jwt, bao.addr, bao.caFile, DEPLOYMENT);
try {
	say(
		`${availableParallelism()} cores, shared by the server and all pods; OpenBao in memory, TLS, jwt login`,
	);
	const costs = await measureCosts(bao, jwt);
	for (const [what, ms] of Object.entries(costs))
		say(`${what.padEnd(12)}${ms.toFixed(2)} ms of the server's CPU`);
	const outOf = (index: number): string => {
		const out = join(place.dir, `pod-${index}`);
		mkdirSync(out, { recursive: true });
		return out;
	};
	const fetcher = (index: number) => ({
		name: 'fetcher',
		command: EXECUTABLE,
		args: [],
		env: {
			...fetcherEnv(bao, { deployment: DEPLOYMENT, tokenFile, out: outOf(index), addr: bao.addr }),
			ENVTIER_DEADLINE: String(SECONDS),
		},
	});
	const agent = (index: number) => {
		const out = outOf(index);
		const file = join(out, 'agent.hcl');
		writeFileSync(
			file,
			readFileSync(agentFile, 'utf8').replace(join(place.dir, 'agent-env'), join(out, 'agent-env')),
		);
		return {
			name: 'agent',
			command: bao.binary.path,
			args: ['agent', `-config=${file}`],
			env: { HOME: out },
		};
	};
	say('');
	report(`${PODS} fetchers at once`, await startAll(bao, fetcher));
	report(`${PODS} agents at once`, await startAll(bao, agent));
	await must(bao, 'POST', 'sys/quotas/config', { body: { enable_rate_limit_response_headers: true } });
	await must(bao, 'POST', 'sys/quotas/rate-limit/logins', { body: { path: 'auth/jwt/', rate: RATE } });
	report(`${PODS} fetchers, ${RATE} logins a second allowed`, await startAll(bao, fetcher));
	model(costs);
} finally {
	await bao.stop();
	await place.remove();
}
