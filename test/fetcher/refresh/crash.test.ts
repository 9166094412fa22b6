import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { startApplication } from './support/application.ts';
import { canKillAtSteps, type Step, stepsOf, tracing } from './support/steps.ts';
import { type Ground, makeWorld, SOME_CHECKS, startGround } from './support/world.ts';

const AT_ONCE = 4;

const CHANGED = { LEVEL: 'service-1', OTHER: 'other-2' };

describe.runIf(await canKillAtSteps())('a sidecar that is killed (needs strace, and root)', () => {
	let ground: Ground;
	beforeAll(async () => {
		ground = await startGround();
	});
	afterAll(() => ground[Symbol.asyncDispose]());

	/** A change, with a sidecar that the kernel kills at this call; undefined: it lives. */
	async function change(step: Step | undefined) {
		const world = await makeWorld(ground);
		const app = await startApplication(204);
		await world.fetch();
		await world.put('OTHER', 'other-2');
		const { launcher, trace } = tracing(world.pod.scratch.dir, step);
		const sidecar = await world.start({ env: app.env, launcher });
		return { world, app, sidecar, trace };
	}

	test('at any step of a write, a swap of links or a notification: the next one ends all of it', async () => {
		// How many steps there are.
		const whole = await change(undefined);
		await until('the delivery', () => whole.world.logged('application notified')[0], SOME_CHECKS);
		await until('the saved delivery', () => whole.world.state()['pending'] === undefined);
		const steps = stepsOf(readFileSync(whole.trace, 'utf8'));
		await whole.world[Symbol.asyncDispose]();
		await whole.app[Symbol.asyncDispose]();
		// Two saves of the private file, two directories, the swap.
		expect(steps.length).toBeGreaterThanOrEqual(7);

		const kill = async (step: Step): Promise<void> => {
			const name = `${step.call} ${step.count}`;
			const { world, app, sidecar } = await change(step);
			try {
				expect(await sidecar.exited, name).toMatchObject({ signal: 'SIGKILL' });
				// Whole files of one generation, old or new.
				const found = world.files();
				expect([CHANGED.OTHER, 'other-1']).toContain(found['OTHER']);
				await world.start({ env: app.env });
				await world.untilFiles(CHANGED);
				await until(`the notification after ${name}`, () => app.accepted[0], SOME_CHECKS);
				expect(app.accepted.map((body) => JSON.parse(body).keys)).toEqual(app.accepted.map(() => ['OTHER']));
				// Killed between the delivery and its note, it tells the application again.
				expect(app.accepted.length).toBeLessThanOrEqual(2);
				await until('the saved delivery', () => world.state()['pending'] === undefined, SOME_CHECKS);
				await world.put('OTHER', 'other-3');
				await world.untilFiles({ ...CHANGED, OTHER: 'other-3' });
				const names = readdirSync(world.pod.out);
				expect(names.filter((name) => name.endsWith('-link'))).toEqual([]);
				expect(names.filter((name) => name.startsWith('..envtier-')).length).toBeLessThanOrEqual(2);
			} finally {
				await world[Symbol.asyncDispose]();
				await app[Symbol.asyncDispose]();
			}
		};
		for (let first = 0; first < steps.length; first += AT_ONCE)
			await Promise.all(steps.slice(first, first + AT_ONCE).map(kill));
	}, 600_000);
});
