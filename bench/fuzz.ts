/**
 * A hundred thousand bodies that nobody should send, to the built webhook over TLS, one after the other on a kept connection: bytes, damaged reviews, odd
 * envelopes, structured pods (fast-check), then two dozen bodies of 3 MiB that somebody would write to do harm. Each goes to a bare Node
 * server as well, which reads it and answers a constant, so that what the machine does meanwhile disturbs both alike. Fails on
 * a 5xx, on an answer that is none, on a webhook that has ended, and on memory that grows with the number of bodies.
 *
 * `CASES=5000 SEED=7 node bench/fuzz.ts`
 */
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import process from 'node:process';
import { faultOf, fuzzed } from '../test/webhook/support/fuzz.ts';
import { HOSTILE, LARGEST } from '../test/webhook/support/hostile.ts';
import { podOf } from '../test/webhook/support/pods.ts';
import { review } from '../test/webhook/support/request.ts';
import { send } from '../test/webhook/support/wire.ts';
import { startPair } from './support/pair.ts';
import { median, percentile } from './support/stats.ts';

const CASES = Number(process.env['CASES'] ?? 100_000);
const SEED = Number(process.env['SEED'] ?? 1);
/** What the API server sends beside the object itself. */
const ENVELOPE = 2000;
/** Answers to the same 3 MiB; the median of them is shown. */
const REPEATS = 7;
/** MiB between the first half and the second that count as growth. */
const GROWTH = 30;

interface Server {
	readonly pid: number;
	readonly port: number;
}

/** Milliseconds of CPU that the main thread of a process has had; a busy machine changes them little. */
async function cpuOf({ pid }: Server): Promise<number> {
	return Number((await readFile(`/proc/${pid}/schedstat`, 'utf8')).split(' ')[0]) / 1e6;
}

/** MiB that a process holds now, and held at most. */
async function memoryOf({ pid }: Server): Promise<{ readonly now: number; readonly peak: number }> {
	const status = await readFile(`/proc/${pid}/status`, 'utf8');
	const of = (field: string): number => Number(new RegExp(`${field}:\\s+([0-9]+)`).exec(status)?.[1]) / 1024;
	return { now: of('VmRSS'), peak: of('VmHWM') };
}

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const row = (...cells: readonly (string | number)[]): void =>
	print(`| ${cells.map((cell) => (typeof cell === 'number' ? cell.toFixed(1) : cell)).join(' | ')} |`);

await using pair = await startPair();
const agent = () => new Agent({ keepAlive: true, maxSockets: 1, ca: pair.authority.certPem });
const agents = { webhook: agent(), bare: agent() };

async function timed(which: 'webhook' | 'bare', body: Buffer | string) {
	const start = performance.now();
	const reply = await send({ port: pair[which].port, authority: pair.authority }, agents[which], { body });
	return { reply, took: performance.now() - start };
}

const faults: string[] = [];
const times = { webhook: [] as number[], bare: [] as number[] };
const families = new Map<string, number>();
const answers = new Map<string, number>();
const memory: number[] = [];
let sent = 0;

print(`${CASES} bodies, seed ${SEED}`);
for (const { family, bodies } of fuzzed(CASES, SEED)) {
	// The bodies were made in one go; what has come in the meantime is looked at first.
	await new Promise(setImmediate);
	for (const [i, body] of bodies.entries()) {
		const order = sent % 2 === 0 ? (['webhook', 'bare'] as const) : (['bare', 'webhook'] as const);
		for (const which of order) {
			const { reply, took } = await timed(which, body);
			times[which].push(took);
			if (which === 'bare') continue;
			const fault = faultOf(reply);
			if (fault !== undefined)
				faults.push(`${fault}: ${family}, body ${i} after ${sent} of the seed ${SEED}`);
			const kind = reply.status === 200 ? /"decision":"([a-z]+)"/.exec(reply.text)?.[1] : undefined;
			const answer = kind ?? `${reply.status}`;
			answers.set(answer, (answers.get(answer) ?? 0) + 1);
		}
		sent += 1;
		if (sent % Math.ceil(CASES / 20) === 0) memory.push((await memoryOf(pair.webhook)).now);
	}
	families.set(family, (families.get(family) ?? 0) + bodies.length);
}
print([...families].map(([name, count]) => `${count} ${name}`).join(', '));
print(`answers: ${[...answers].map(([name, count]) => `${count} ${name}`).join(', ')}\n`);
row('milliseconds', 'p50', 'p99', 'p99.9', 'max', 'over 100 ms');
row('---', '---', '---', '---', '---', '---');
for (const which of ['webhook', 'bare'] as const) {
	const all = times[which];
	const slow = all.filter((took) => took > 100).length;
	row(which, ...[0.5, 0.99, 0.999, 1].map((p) => percentile(all, p)), `${slow}`);
}
const half = Math.floor(memory.length / 2);
const [before, after] = [median(memory.slice(1, half)), median(memory.slice(half))];
print(
	`\nwebhook's memory, MiB, after each twentieth: ${memory.map((mib) => mib.toFixed(0)).join(' ')}; medians of the halves ${before.toFixed(0)} and ${after.toFixed(0)}`,
);
if (after - before > GROWTH) faults.push(`memory grew from ${before.toFixed(0)} to ${after.toFixed(0)} MiB`);

print('\n3 MiB each; wall and CPU are medians of the answers, in milliseconds\n');
row('what', 'answer', 'wall', 'CPU', 'bare wall', 'bare CPU');
row('---', '---', '---', '---', '---', '---');
const slow: string[] = [];
for (const [what, make] of Object.entries(HOSTILE)) {
	const body = make(LARGEST - ENVELOPE);
	const seen = { webhook: [] as number[], bare: [] as number[] };
	const cpu = { webhook: [] as number[], bare: [] as number[] };
	let answer = '';
	for (let i = 0; i < REPEATS; i += 1)
		for (const which of ['webhook', 'bare'] as const) {
			const start = await cpuOf(pair[which]);
			const { reply, took } = await timed(which, body);
			seen[which].push(took);
			cpu[which].push((await cpuOf(pair[which])) - start);
			if (which === 'bare') continue;
			const fault = faultOf(reply);
			if (fault !== undefined) faults.push(`${fault}: 3 MiB of ${what}`);
			answer =
				/"reason":"([a-z-]+)"/.exec(reply.text)?.[1] ?? (reply.status === 200 ? 'inject' : `${reply.status}`);
		}
	row(what, answer, median(seen.webhook), median(cpu.webhook), median(seen.bare), median(cpu.bare));
	if (median(cpu.webhook) > 100) slow.push(what);
}
print(`\nmore than 100 ms of CPU: ${slow.length === 0 ? 'none' : slow.join(', ')}`);
const { now, peak } = await memoryOf(pair.webhook);
print(`webhook's memory after that: ${now.toFixed(0)} MiB, at most ${peak.toFixed(0)} MiB`);

const last = await timed('webhook', JSON.stringify(review(podOf())));
if (last.reply.status !== 200 || !last.reply.text.includes('"allowed":true'))
	faults.push('a good pod is not injected any more');
for (const one of Object.values(agents)) one.destroy();
for (const fault of faults.slice(0, 20)) process.stderr.write(`${fault}\n`);
print(faults.length === 0 ? 'no fault' : `${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;
