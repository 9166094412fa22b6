/**
 * Reviews a second of the built webhook on one core: TLS, 8 kept-alive clients, one call at a time each; beside a bare Node server that
 * reads the same body and answers a constant. Rounds alternate, so that a noisy machine disturbs both alike.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { onPath, type RunningProcess, startProcess } from '../test/support/process.ts';
import { makeAuthority } from '../test/support/tls.ts';
import { type Load, load } from './support/load.ts';
import { ASKING, reviewOf, typicalPod } from './support/review.ts';
import { median, percentile } from './support/stats.ts';

const CLIENTS = 8;
const SECONDS = 4;
const ROUNDS = 3;
const ROOT = join(import.meta.dirname, '..');

/** Servers on the first core, the load on whatever is left: with one core, or without taskset, the figures mean less, and that is said. */
const pinned = process.platform === 'linux' && availableParallelism() > 1 && onPath('taskset') !== undefined;
const onOneCore = (args: readonly string[]): { command: string; args: readonly string[] } =>
	pinned
		? { command: 'taskset', args: ['-c', '0', process.execPath, ...args] }
		: { command: process.execPath, args };

async function started(
	name: string,
	args: readonly string[],
	env: NodeJS.ProcessEnv,
): Promise<{ server: RunningProcess; port: number }> {
	const server = await startProcess({ name, ...onOneCore(args), env: { PATH: process.env['PATH'], ...env } });
	const port = (): string | undefined => /"port":([0-9]+)/.exec(server.stdout())?.[1];
	await server.waitUntil('it serves', port);
	return { server, port: Number(port()) };
}

async function peakMemory(server: RunningProcess): Promise<number> {
	const status = await readFile(`/proc/${server.pid}/status`, 'utf8').catch(() => '');
	return Number(/VmHWM:\s+([0-9]+)/.exec(status)?.[1] ?? Number.NaN) / 1024;
}

const dir = await mkdtemp(join(tmpdir(), 'envtier-bench-'));
const authority = await makeAuthority('Envtier bench CA');
const leaf = await authority.issue();
const [certificateFile, keyFile] = [join(dir, 'tls.crt'), join(dir, 'tls.key')];
await writeFile(certificateFile, leaf.certPem);
await writeFile(keyFile, leaf.keyPem, { mode: 0o600 });

const webhook = await started('webhook', [join(ROOT, 'dist/webhook.mjs')], {
	ENVTIER_LISTEN: '127.0.0.1:0',
	ENVTIER_TLS_CERT_FILE: certificateFile,
	ENVTIER_TLS_KEY_FILE: keyFile,
	ENVTIER_FETCHER_IMAGE: 'envtier-fetcher:bench',
	ENVTIER_VAULT_ADDR: 'https://vault.example:8200',
	ENVTIER_DEFAULT_ORG: 'acme',
});
const bare = await started(
	'bare',
	[join(ROOT, 'bench/support/bare-server.ts'), certificateFile, keyFile],
	{},
);
try {
	const body = reviewOf(typicalPod(ASKING));
	const target = (port: number) => ({ port, ca: authority.certPem, body });
	process.stdout.write(
		`${body.length} bytes a review, ${CLIENTS} clients, ${ROUNDS} rounds of ${SECONDS} s each${pinned ? ', servers pinned to one core' : ' (NOT pinned: figures are for the whole machine)'}\n`,
	);
	await load(target(webhook.port), CLIENTS, 2);
	await load(target(bare.port), CLIENTS, 2);
	const rounds: { webhook: Load; bare: Load }[] = [];
	for (let round = 1; round <= ROUNDS; round++) {
		rounds.push({
			webhook: await load(target(webhook.port), CLIENTS, SECONDS),
			bare: await load(target(bare.port), CLIENTS, SECONDS),
		});
		process.stdout.write(`round ${round} of ${ROUNDS} done\n`);
	}
	const row = (name: string, loads: readonly Load[], memory: number): string => {
		const all = loads.flatMap((one) => one.latencies);
		const cells = [
			median(loads.map((one) => one.rate)).toFixed(0),
			percentile(all, 0.5).toFixed(2),
			percentile(all, 0.99).toFixed(2),
			memory.toFixed(0),
			String(loads.reduce((sum, one) => sum + one.failures, 0)),
		];
		return `| ${name} | ${cells.join(' | ')} |\n`;
	};
	process.stdout.write(
		'\n| server | reviews/s (median) | p50 ms | p99 ms | peak MiB | not 200 |\n|---|---|---|---|---|---|\n',
	);
	process.stdout.write(
		row(
			'webhook',
			rounds.map((r) => r.webhook),
			await peakMemory(webhook.server),
		),
	);
	process.stdout.write(
		row(
			'bare node:https',
			rounds.map((r) => r.bare),
			await peakMemory(bare.server),
		),
	);
	const ratios = rounds.map((r) => r.webhook.rate / r.bare.rate);
	process.stdout.write(`\nwebhook / bare, per round: ${ratios.map((r) => r.toFixed(2)).join(', ')}\n`);
} finally {
	await webhook.server.stop();
	await bare.server.stop();
	await rm(dir, { recursive: true, force: true });
}
