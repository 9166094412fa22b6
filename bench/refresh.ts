/**
 * What the sidecar costs beside `bao agent` as a sidecar, in one run: memory with ten of each, CPU time and
 * requests to OpenBao at a period of 5 minutes, with 3 × 4 keys. It begins to measure after one period, and
 * measures for SECONDS (900 by default); CPU time and requests an hour are extrapolated from it.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeJwtSigner, serviceAccountClaims } from '../test/support/jwt.ts';
import { type OpenBao, startOpenBao } from '../test/support/openbao.ts';
import { enableAuth, must, writePolicy, writeRole } from '../test/support/openbao-setup.ts';
import { type RunningProcess, startProcess } from '../test/support/process.ts';
import { startAgent } from './support/agent.ts';
import { EXECUTABLE, fetcherEnv } from './support/fetcher.ts';
import { cpuOf, memoryOf } from './support/proc.ts';
import { percentile } from './support/stats.ts';
import { fill, makeSurroundings } from './support/tiers.ts';

const SECONDS = Number(process.env['SECONDS'] ?? 900);
const PERIOD = Number(process.env['PERIOD'] ?? 300);
const COUNT = 10;
const KEYS = 4;
const DEPLOYMENT = 'shop';

/** Each program logs in at a mount of its own, by which the audit log tells them apart. */
const PROGRAMS = ['sidecar', 'sidecar, no details', 'bao agent'] as const;
type Name = (typeof PROGRAMS)[number];
const MOUNTS: Readonly<Record<Name, string>> = {
	sidecar: 'jwt-sidecar',
	'sidecar, no details': 'jwt-lists',
	'bao agent': 'jwt-agent',
};

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** The mounts and roles, as `setup.sh role` writes them: tokens of ten minutes. */
async function openDoors(bao: OpenBao): Promise<string> {
	const signer = makeJwtSigner();
	const read =
		'path "secret/metadata/*" { capabilities = ["list"] } path "secret/data/*" { capabilities = ["read"] }';
	await writePolicy(bao, 'reads', read);
	await writePolicy(bao, 'details', 'path "secret/detailed-metadata/*" { capabilities = ["list"] }');
	for (const [name, mount] of Object.entries(MOUNTS)) {
		await enableAuth(bao, 'jwt', { at: mount, config: { jwt_validation_pubkeys: [signer.publicKeyPem] } });
		await writeRole(bao, mount, 'web', {
			...{ role_type: 'jwt', user_claim: 'sub', bound_audiences: ['vault'], token_ttl: '10m' },
			...{ bound_subject: 'system:serviceaccount:shop:web' },
			token_policies: name === 'sidecar' ? ['reads', 'details'] : ['reads'],
		});
	}
	const now = Math.floor(Date.now() / 1000);
	return signer.sign(serviceAccountClaims('shop', 'web', { exp: now + 24 * 3_600 }));
}

interface Place {
	readonly dir: string;
	readonly tokenFile: string;
}

async function startSidecar(bao: OpenBao, mount: string, { dir, tokenFile }: Place): Promise<RunningProcess> {
	const privateDir = join(dir, 'private');
	mkdirSync(privateDir, { recursive: true });
	const env = {
		...fetcherEnv(bao, { deployment: DEPLOYMENT, tokenFile, out: dir, addr: bao.addr }),
		ENVTIER_VAULT_AUTH_MOUNT: mount,
		ENVTIER_REFRESH: String(PERIOD),
		ENVTIER_PRIVATE_DIR: privateDir,
		ENVTIER_REQUEST_FILE: join(dir, 'refresh-requested'),
	};
	writeFileSync(join(dir, 'refresh-requested'), '');
	const first = await startProcess({ command: EXECUTABLE, env: { ...env, ENVTIER_MODE: 'initial' } });
	if ((await first.exited).code !== 0) throw new Error(first.output());
	return await startProcess({ command: EXECUTABLE, env: { ...env, ENVTIER_MODE: 'refresh' } });
}

/** Requests in the audit log since a line, by program and kind. */
function requestsOf(lines: readonly string[]): ReadonlyMap<Name, ReadonlyMap<string, number>> {
	const found = new Map<Name, Map<string, number>>(PROGRAMS.map((name) => [name, new Map()]));
	for (const line of lines) {
		const entry = JSON.parse(line) as {
			readonly type: string;
			readonly auth?: { readonly display_name?: string };
			readonly request: { readonly path: string; readonly operation: string };
		};
		if (entry.type !== 'request') continue;
		const { path, operation } = entry.request;
		const who = PROGRAMS.find(
			(name) =>
				path.startsWith(`auth/${MOUNTS[name]}/`) || entry.auth?.display_name?.startsWith(`${MOUNTS[name]}-`),
		);
		if (who === undefined) continue;
		const kind = path.startsWith('secret/')
			? `${operation} ${path.split('/')[1]}`
			: path.startsWith('auth/token/') || !path.startsWith('auth/')
				? path.split('/').slice(0, 4).join('/')
				: 'login';
		const counts = found.get(who);
		counts?.set(kind, (counts.get(kind) ?? 0) + 1);
	}
	return found;
}

const bao = await startOpenBao();
const jwt = await openDoors(bao);
await fill(bao, DEPLOYMENT, KEYS);
const { place, tokenFile, agentFile } = await makeSurroundings(jwt, bao.addr, bao.caFile, DEPLOYMENT);
const running = new Map<Name, RunningProcess[]>(PROGRAMS.map((name) => [name, []]));
try {
	for (let index = 0; index < COUNT; index++) {
		for (const name of PROGRAMS) {
			const dir = join(place.dir, `${MOUNTS[name]}-${index}`);
			mkdirSync(dir);
			const mount = MOUNTS[name];
			running
				.get(name)
				?.push(
					name === 'bao agent'
						? await startAgent(bao, { dir, agentFile, mount, addr: bao.addr, period: PERIOD })
						: await startSidecar(bao, mount, { dir, tokenFile }),
				);
		}
	}
	// What a start and a first check cost is not what an hour costs.
	await sleep(PERIOD * 1_000 + 20_000);
	const audit = join(bao.dir, 'bench-audit.log');
	await must(bao, 'PUT', 'sys/audit/bench', { body: { type: 'file', options: { file_path: audit } } });
	const before = new Map([...running.values()].flat().map(({ pid }) => [pid, cpuOf(pid)]));
	await sleep(SECONDS * 1_000);
	const requests = requestsOf(
		readFileSync(audit, 'utf8')
			.split('\n')
			.filter((line) => line !== ''),
	);
	say(
		`${availableParallelism()} cores; ${COUNT} of each; 3 × ${KEYS} keys; a period of ${PERIOD} s; measured for ${SECONDS} s, an hour extrapolated`,
	);
	say('| program | RSS MiB | PSS MiB | own MiB | CPU ms an hour | requests an hour |');
	say('| --- | --- | --- | --- | --- | --- |');
	const perHour = 3_600 / SECONDS / COUNT;
	for (const name of PROGRAMS) {
		const processes = running.get(name) ?? [];
		const memory = processes.map(({ pid }) => memoryOf(pid));
		const median = (field: 'rss' | 'pss' | 'own'): string =>
			percentile(
				memory.map((one) => one[field]),
				0.5,
			).toFixed(1);
		const cpu = processes.reduce((sum, { pid }) => sum + cpuOf(pid) - (before.get(pid) ?? 0), 0) * perHour;
		const kinds = [...(requests.get(name) ?? [])];
		const all = kinds.reduce((sum, [, count]) => sum + count, 0) * perHour;
		say(
			`| ${name} | ${median('rss')} | ${median('pss')} | ${median('own')} | ${cpu.toFixed(0)} | ${all.toFixed(0)} |`,
		);
		say(`  ${kinds.map(([kind, count]) => `${kind} ${(count * perHour).toFixed(1)}`).join(', ')}`);
	}
} finally {
	for (const one of [...running.values()].flat()) await one.stop(0);
	await bao.stop();
	await place.remove();
}
