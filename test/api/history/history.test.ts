/**
 * 1,000 random calls of 8 clients over two replicas, a real OpenBao and a real PostgreSQL, each of which is
 * killed in between. The checker then compares what the clients saw, what Vault holds, and the audit.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { violationsOf } from './checker.ts';
import { deleteDoomed, newRun, oneCall, type Run } from './clients.ts';
import { PLACES, startWorld, type World } from './world.ts';

const CALLS = 1_000;
const CLIENTS = 8;
/** A fault after each so many calls. */
const FAULT_EVERY = 110;
const SEED = Number(process.env['ENVTIER_TEST_SEED'] ?? 20_260_504);

let world: World;
beforeAll(async () => {
	world = await startWorld();
});
afterAll(() => world?.[Symbol.asyncDispose]());

/** Strikes after every `FAULT_EVERY` calls. Returns how often. */
async function strikeInBetween(run: Run): Promise<number> {
	let strikes = 0;
	for (let next = FAULT_EVERY; next < CALLS; next += FAULT_EVERY) {
		await until(`${next} calls`, () => run.calls.length >= next, { timeoutMs: 300_000, everyMs: 5 });
		run.healthy = false;
		await world.strike(strikes);
		run.healthy = true;
		strikes += 1;
	}
	return strikes;
}

test(`clients, Vault and the audit agree after faults (seed ${SEED})`, { timeout: 600_000 }, async () => {
	const run = newRun(world, SEED);
	const clients = Array.from({ length: CLIENTS }, async (_, client) => {
		while (run.calls.length < CALLS) await oneCall(run, client);
	});
	const deletion = until('the middle', () => run.calls.length >= CALLS / 2, { timeoutMs: 300_000 }).then(() =>
		deleteDoomed(run),
	);
	const [strikes] = await Promise.all([strikeInBetween(run), deletion, ...clients]);
	expect(strikes).toBe(9);
	// A call without an answer may still write as long as its process lives.
	await world.restart();
	// Half a creation, which is undone only later, is told already.
	const unsettled = new Map((await world.inVault()).final);
	for (const { name, deployment } of PLACES) if (deployment === 'doomed') unsettled.delete(name);
	await world.settle();
	const logged = await world.logged();
	await world.load(logged);
	const { final, written } = await world.inVault();
	const { calls } = run;
	const deleted = new Set(PLACES.filter(({ deployment }) => deployment === 'doomed').map(({ name }) => name));
	const stored = await world.stored();
	for (const seen of [unsettled, final])
		expect(violationsOf({ calls, final: seen, logged, stored, written, deleted })).toEqual([]);
	// The history was worth checking.
	const kinds: Partial<Record<string, unknown[]>> = Object.groupBy(
		calls,
		({ kind, outcome }) => `${kind} ${outcome}`,
	);
	for (const needed of ['create done', 'create exists', 'update done', 'update absent', 'delete done'])
		expect(kinds[needed]?.length ?? 0, needed).toBeGreaterThan(10);
	expect(calls.filter(({ outcome }) => outcome === 'unknown').length).toBeGreaterThan(3);
	expect(written.size).toBeGreaterThan(10);
});
