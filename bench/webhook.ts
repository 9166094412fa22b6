/**
 * Reviews a second of the built webhook on one core, with the options of Node that its image has: TLS, 8 kept-alive clients, one call at a time each; beside a
 * bare Node server that reads the same body and answers a constant. Rounds alternate, so that a noisy machine disturbs both alike; CPU time a review is
 * disturbed least.
 */
import process from 'node:process';
import { type Load, load } from './support/load.ts';
import { ASKING, reviewOf, typicalPod } from './support/review.ts';
import { median, percentile } from './support/stats.ts';
import { pinned, type Server, startServer } from './support/webhook.ts';

const CLIENTS = 8;
const SECONDS = 4;
const ROUNDS = 3;

interface Round extends Load {
	/** Microseconds of CPU time for one review. */
	readonly cpu: number;
}

const body = reviewOf(typicalPod(ASKING));

async function round({ port, ca, cpu }: Server, seconds: number): Promise<Round> {
	const before = await cpu();
	const one = await load({ port, ca, body }, CLIENTS, seconds);
	return { ...one, cpu: ((await cpu()) - before) / one.latencies.length };
}

async function row(name: string, server: Server, rounds: readonly Round[]): Promise<string> {
	const all = rounds.flatMap((one) => one.latencies);
	const { peak, own } = await server.memory();
	const cells = [
		median(rounds.map((one) => one.rate)).toFixed(0),
		median(rounds.map((one) => one.cpu)).toFixed(0),
		percentile(all, 0.5).toFixed(2),
		percentile(all, 0.99).toFixed(2),
		peak.toFixed(0),
		own.toFixed(0),
		String(rounds.reduce((sum, one) => sum + one.failures, 0)),
	];
	return `| ${name} | ${cells.join(' | ')} |\n`;
}

const servers = { webhook: await startServer('webhook'), bare: await startServer('bare') };
try {
	process.stdout.write(
		`${body.length} bytes a review, ${CLIENTS} clients, ${ROUNDS} rounds of ${SECONDS} s each${pinned ? ', servers pinned to one core' : ' (NOT pinned: figures are for the whole machine)'}\n`,
	);
	for (const server of Object.values(servers)) await round(server, SECONDS);
	const rounds: { webhook: Round; bare: Round }[] = [];
	for (let i = 1; i <= ROUNDS; i++) {
		rounds.push({
			webhook: await round(servers.webhook, SECONDS),
			bare: await round(servers.bare, SECONDS),
		});
		process.stdout.write(`round ${i} of ${ROUNDS} done\n`);
	}
	process.stdout.write(
		'\n| server | reviews/s (median) | CPU µs a review | p50 ms | p99 ms | peak MiB | of its own, at the end | not 200 |\n|---|---|---|---|---|---|---|---|\n',
	);
	for (const name of ['webhook', 'bare'] as const)
		process.stdout.write(
			await row(
				name,
				servers[name],
				rounds.map((one) => one[name]),
			),
		);
	const ratios = rounds.map(({ webhook, bare }) => webhook.rate / bare.rate);
	process.stdout.write(
		`\nwebhook / bare, reviews a second, per round: ${ratios.map((r) => r.toFixed(2)).join(', ')}\n`,
	);
} finally {
	for (const server of Object.values(servers)) await server.stop();
}
