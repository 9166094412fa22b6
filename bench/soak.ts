/**
 * Measures the memory of the built webhook during a million different reviews: new names, namespaces and
 * owners, some pods injected, some refused, some skipped. Prints a line for each tenth. Fails if the webhook
 * uses more memory in the last tenths than in the early ones. ENVTIER_SOAK_REVIEWS sets another number.
 */
import process from 'node:process';
import { call } from '../test/support/http.ts';
import { samplesOf } from '../test/support/metrics.ts';
import { load } from './support/load.ts';
import { ASKING, reviewOf, typicalPod } from './support/review.ts';
import { median } from './support/stats.ts';
import { startServer } from './support/webhook.ts';

const REVIEWS = Number(process.env['ENVTIER_SOAK_REVIEWS'] ?? 1_000_000);
const CLIENTS = 8;
const TENTHS = 10;
/** Maximum growth of the heap from the early tenths to the late ones, in MiB. */
const NOISE = 8;

const KINDS: readonly Readonly<Record<string, string>>[] = [
	ASKING,
	{ ...ASKING, 'envtier.dev/sevrice': 'web' },
	{ ...ASKING, 'envtier.dev/inject': 'false' },
	{ ...ASKING, 'envtier.dev/format': 'json,dotenv', 'envtier.dev/env': 'A, B=C' },
];
const templates = KINDS.map((annotations) => reviewOf(typicalPod(annotations)));

/** A review whose names are all new, so that no cache helps. */
function review(i: number): string {
	const id = i.toString(36);
	return (templates[i % templates.length] ?? '')
		.replace('705ab4f5-6393-11e8-b7cc-42010a800002', `uid-${id}`)
		.replaceAll('"namespace":"shop"', `"namespace":"shop-${id}"`)
		.replaceAll('web-7c9d6f5b84', `web-${id}`)
		.replace('0b7d9fd4-3b0c-4f55-9d0c-6f0f5c1d2e3f', `owner-${id}`)
		.replace('"envtier.dev/deployment":"shop"', `"envtier.dev/deployment":"shop-${id}"`);
}

const server = await startServer('webhook');
try {
	const target = { port: server.port, ca: server.ca, body: review };
	process.stdout.write(`${REVIEWS} reviews, ${CLIENTS} clients\n\n`);
	process.stdout.write(
		'| reviews | reviews/s | heap used MiB | resident MiB | of its own | peak |\n|---|---|---|---|---|---|\n',
	);
	const heaps: number[] = [];
	let done = 0;
	for (let tenth = 1; tenth <= TENTHS; tenth++) {
		const { rate, failures, latencies } = await load(target, CLIENTS, {
			calls: REVIEWS / TENTHS,
			first: done,
		});
		if (failures > 0) throw new Error(`${failures} reviews were not answered with 200`);
		done += latencies.length;
		const { text } = await call({ url: `https://localhost:${server.port}/metrics`, caPem: server.ca });
		const heap = (samplesOf(text).get('nodejs_heap_size_used_bytes') ?? Number.NaN) / 2 ** 20;
		heaps.push(heap);
		const { now, own, peak } = await server.memory();
		const cells = [done, rate.toFixed(0), heap.toFixed(1), now.toFixed(0), own.toFixed(0), peak.toFixed(0)];
		process.stdout.write(`| ${cells.join(' | ')} |\n`);
	}
	// Skips the first tenth, in which the engine still compiles code.
	const grown = median(heaps.slice(-4)) - median(heaps.slice(1, 5));
	process.stdout.write(`\nheap, late tenths less early ones: ${grown.toFixed(1)} MiB\n`);
	if (grown > NOISE) process.exitCode = 1;
} finally {
	await server.stop();
}
