/**
 * Measures reviews per second of the built webhook on one core, with the Node options of its image: TLS, 8
 * keep-alive clients, one call at a time each. Compares it with a bare Node server that reads the same body
 * and answers a constant, and with servers that each do one more step of the webhook's work. Rounds
 * alternate, so that a noisy machine affects all of them equally. It affects CPU time per review least.
 */
import process from 'node:process';
import { type Load, load } from './support/load.ts';
import { ASKING, reviewOf, typicalPod } from './support/review.ts';
import { median, percentile } from './support/stats.ts';
import { STEPS } from './support/steps.ts';
import { pinned, type Server, startServer } from './support/webhook.ts';

const CLIENTS = 8;
const SECONDS = 2;
const ROUNDS = 7;
/** Warm-up, in which the engine compiles the code. */
const WARM_UP = 15;

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
		`${median(rounds.map((one) => one.cpu)).toFixed(0)} (${Math.min(...rounds.map((one) => one.cpu)).toFixed(0)})`,
		percentile(all, 0.5).toFixed(2),
		percentile(all, 0.99).toFixed(2),
		peak.toFixed(0),
		own.toFixed(0),
		String(rounds.reduce((sum, one) => sum + one.failures, 0)),
	];
	return `| ${name} | ${cells.join(' | ')} |\n`;
}

const NAMES = ['bare', ...STEPS, 'webhook'] as const;

/** The name of a row in the table. */
const titles: Readonly<Record<(typeof NAMES)[number], string>> = {
	bare: 'bare `node:https`, a constant',
	parse: '… and the body parsed',
	decode: '… decoded',
	decide: '… decided',
	encode: '… the answer encoded',
	log: '… and the line of the log',
	webhook: 'the webhook: router, body reader, bounds, metrics as well',
};

const servers = new Map<(typeof NAMES)[number], Server>();
try {
	for (const name of NAMES) servers.set(name, await startServer(name));
	process.stdout.write(
		`${body.length} bytes a review, ${CLIENTS} clients, ${ROUNDS} rounds of ${SECONDS} s each${pinned ? ', servers pinned to one core' : ' (NOT pinned: figures are for the whole machine)'}\n`,
	);
	for (const server of servers.values()) await round(server, WARM_UP);
	const rounds = new Map<string, Round[]>(NAMES.map((name) => [name, []]));
	for (let i = 1; i <= ROUNDS; i++) {
		for (const [name, server] of servers) rounds.get(name)?.push(await round(server, SECONDS));
		process.stdout.write(`round ${i} of ${ROUNDS} done\n`);
	}
	process.stdout.write(
		'\n| server | reviews/s (median) | CPU µs a review (best) | p50 ms | p99 ms | peak MiB | of its own, at the end | not 200 |\n|---|---|---|---|---|---|---|---|\n',
	);
	for (const [name, server] of servers)
		process.stdout.write(await row(titles[name], server, rounds.get(name) ?? []));
	const rates = (name: 'bare' | 'webhook') => (rounds.get(name) ?? []).map(({ rate }) => rate);
	const bare = rates('bare');
	const ratios = rates('webhook').map((rate, i) => rate / (bare[i] ?? Number.NaN));
	process.stdout.write(
		`\nwebhook / bare, reviews a second, per round: ${ratios.map((r) => r.toFixed(2)).join(', ')}\n`,
	);
} finally {
	for (const server of servers.values()) await server.stop();
}
