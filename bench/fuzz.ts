/**
 * Sends a hundred thousand malformed bodies to the built webhook over TLS, one after the other on one
 * connection: bytes, damaged reviews, odd envelopes, structured pods (fast-check), then about forty hostile
 * bodies of 3 MiB. Sends each body also to a bare Node server, which reads it and answers a constant, so
 * that noise affects both equally. Fails on a 5xx, on an invalid response, on more than 100 ms of CPU, if
 * the webhook exits, and if the live heap (after a forced collection) grows with the number of bodies. Both
 * servers have the Node options of the webhook's image.
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
import { type Served, startPair } from './support/pair.ts';
import { median, percentile } from './support/stats.ts';

const CASES = Number(process.env['CASES'] ?? 100_000);
const SEED = Number(process.env['SEED'] ?? 1);
/** Bytes of a review without its object. */
const ENVELOPE = 2000;
/** Number of requests with the same 3 MiB. The bench shows the median. */
const REPEATS = 7;
/**
 * A median above this CPU time is slow, in ms. The bench only prints the wall time, which depends on the
 * load of the machine.
 */
const SLOW = 100;
/**
 * Maximum growth of the live heap from the second tenth of the bodies to the last three tenths, in MiB. The
 * engine's compiled code needs less.
 */
const GROWTH = 2;
const TENTHS = 10;

/** CPU time of the main thread of a process, in ms. It depends little on the load of the machine. */
async function cpuOf({ pid }: Served): Promise<number> {
	return Number((await readFile(`/proc/${pid}/schedstat`, 'utf8')).split(' ')[0]) / 1e6;
}

/** Current and maximum memory of a process, in MiB. */
async function memoryOf({ pid }: Served): Promise<{ readonly now: number; readonly peak: number }> {
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
const heaps: number[] = [];
let sent = 0;

print(`${CASES} bodies, seed ${SEED}`);
for (const { family, bodies } of fuzzed(CASES, SEED)) {
	// The generator blocks the event loop. Handles the input that has arrived in the meantime first.
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
		if (sent % Math.ceil(CASES / TENTHS) !== 0 && sent !== CASES) continue;
		memory.push((await memoryOf(pair.webhook)).now);
		heaps.push(await pair.webhook.liveHeap());
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
const tenths = (mib: readonly number[], digits: number): string =>
	mib.map((one) => one.toFixed(digits)).join(' ');
print(`\nMiB after each tenth: live heap ${tenths(heaps, 1)}; resident ${tenths(memory, 0)}`);
// In the first tenth the engine still compiles code.
const grown = median(heaps.slice(-3)) - (heaps[1] ?? 0);
print(`live heap, the last tenths less the second: ${grown.toFixed(1)} MiB`);
if (!(grown <= GROWTH)) faults.push(`the live heap grew by ${grown.toFixed(1)} MiB`);
const quiet = await pair.webhook.liveHeap();

print('\n3 MiB each; wall and CPU are medians of the answers, in milliseconds\n');
row('what', 'answer', 'wall', 'CPU', 'bare wall', 'bare CPU');
row('---', '---', '---', '---', '---', '---');
const slow: string[] = [];
for (const [what, make] of Object.entries(HOSTILE)) {
	const seen = { webhook: [] as number[], bare: [] as number[] };
	const cpu = { webhook: [] as number[], bare: [] as number[] };
	let answer = '';
	for (let i = 0; i < REPEATS; i += 1) {
		const body = make(LARGEST - ENVELOPE, i);
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
	}
	row(what, answer, median(seen.webhook), median(cpu.webhook), median(seen.bare), median(cpu.bare));
	if (median(cpu.webhook) > SLOW) slow.push(`${what} (${median(cpu.webhook).toFixed(0)} ms)`);
}
print(`\nmore than ${SLOW} ms of CPU: ${slow.length === 0 ? 'none' : slow.join(', ')}`);
for (const what of slow) faults.push(`slow: 3 MiB of ${what}`);
const { now, peak } = await memoryOf(pair.webhook);
const left = (await pair.webhook.liveHeap()) - quiet;
print(`live heap after that: ${left.toFixed(1)} MiB more than before`);
if (!(left <= GROWTH)) faults.push(`bodies of 3 MiB left ${left.toFixed(1)} MiB in the heap`);
print(`webhook's memory after that: ${now.toFixed(0)} MiB, at most ${peak.toFixed(0)} MiB`);

const last = await timed('webhook', JSON.stringify(review(podOf())));
if (last.reply.status !== 200 || !last.reply.text.includes('"allowed":true'))
	faults.push('a good pod is not injected any more');
for (const one of Object.values(agents)) one.destroy();
for (const fault of faults.slice(0, 20)) process.stderr.write(`${fault}\n`);
print(faults.length === 0 ? 'no fault' : `${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;
