import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensurePackages } from '../../support/debian.ts';
import { until } from '../../support/until.ts';
import { logged } from '../support/fetcher.ts';
import { canConnect } from '../support/leases.ts';
import { type LeaseGround, LONG, makeLeasedPod, REPLACE, startLeaseGround } from './support/leased-pod.ts';

/** A mint, the spread, and the 10 s before a restart, on a busy machine. */
const RESTART = { timeoutMs: 100_000 };

const missing = await ensurePackages(['strace'], () => undefined);
const usable = missing.length === 0 && process.getuid?.() === 0;
const RENAMES = 'rename,renameat,renameat2';
/** They wait for most of the time. */
const AT_ONCE = 8;

describe.runIf(usable)('a sidecar that is killed while it replaces a lease (needs strace, and root)', () => {
	let ground: LeaseGround;
	beforeAll(async () => {
		ground = await startLeaseGround();
	}, 900_000);
	afterAll(() => ground[Symbol.asyncDispose]());

	/** A pod whose sidecar replaces its lease, and that the kernel kills at this rename; undefined: it lives. */
	async function replacing(role: string, when?: { readonly call: string; readonly count: number }) {
		const mine = await makeLeasedPod(ground, role, LONG);
		await mine.init();
		const first = mine.user();
		mine.editLease(REPLACE);
		const trace = join(mine.pod.scratch.dir, 'trace');
		const kill = when === undefined ? [] : ['-e', `inject=${when.call}:signal=SIGKILL:when=${when.count}`];
		const sidecar = await mine.start(['strace', '-f', '-qq', '-o', trace, '-e', `trace=${RENAMES}`, ...kill]);
		return { mine, first, exit: await sidecar.exited, trace };
	}

	/** Each rename saves the private file, or makes a generation the current one. */
	async function killAt(call: string, count: number): Promise<void> {
		const { mine, first, exit } = await replacing(`kill${count}`, { call, count });
		await using _ = mine;
		const name = `${call} ${count}`;
		expect(exit, name).toMatchObject({ signal: 'SIGKILL' });
		const asked = mine.state().restart.requested;
		expect(await canConnect(mine.url()), name).toBe(true);
		const next = await mine.start();
		if (asked) await until('the warning', () => logged(next, 'did not restart the containers')[0], RESTART);
		else expect(await next.exited, name).toMatchObject({ code: 97 });
		expect(mine.user(), name).not.toBe(first);
		expect(await canConnect(mine.url()), name).toBe(true);
		// At most one was lost in the kill, and that one is revoked.
		expect(mine.created(), name).toBeLessThanOrEqual(3);
		const known = [first, mine.user()].sort();
		if (!asked) {
			expect(await mine.init(), name).toContain('files adopted');
			await mine.start();
		}
		const isTidy = async () => JSON.stringify(await mine.users()) === JSON.stringify(known);
		await until(`the old and the new user after ${name}`, isTidy, RESTART);
	}

	test('at any step: the next one ends all of it, with at most two new users, and none is lost', async () => {
		const whole = await replacing('whole');
		await using _ = whole.mine;
		expect(whole.exit).toMatchObject({ code: 97 });
		const counts = new Map<string, number>();
		const steps = [...readFileSync(whole.trace, 'utf8').matchAll(/^[0-9]+ +(rename[a-z0-9]*)\(/gm)].map(
			([, call = '']) => {
				counts.set(call, (counts.get(call) ?? 0) + 1);
				return { call, count: counts.get(call) ?? 0 };
			},
		);
		// The token, the secret, the change, the generation, the mark.
		expect(steps.length).toBeGreaterThanOrEqual(5);
		for (let first = 0; first < steps.length; first += AT_ONCE)
			await Promise.all(steps.slice(first, first + AT_ONCE).map(({ call, count }) => killAt(call, count)));
	}, 600_000);
});
