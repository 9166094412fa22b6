import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Postgres, startPostgres } from '../../support/postgres.ts';
import { until } from '../../support/until.ts';
import { canConnect, mountDatabase, rolesOf } from '../support/leases.ts';
import { startApplication } from './support/application.ts';
import { makeLeasedWorld } from './support/leased-world.ts';
import { canKillAtSteps, type Step, stepsOf, tracing } from './support/steps.ts';
import { type Ground, SOME_CHECKS, startGround } from './support/world.ts';

const AT_ONCE = 4;

describe.runIf(await canKillAtSteps())(
	'a sidecar with a lease that is killed (needs strace, and root)',
	() => {
		let ground: Ground;
		let database: Postgres;
		beforeAll(async () => {
			[ground, database] = await Promise.all([startGround(), startPostgres({ log: true })]);
			await mountDatabase(ground.vault, database);
		}, 900_000);
		afterAll(async () => {
			await ground?.[Symbol.asyncDispose]();
			await database?.[Symbol.asyncDispose]();
		});

		/** A sidecar without a lease, which the kernel kills at this call; undefined: it lives. */
		async function issue(step: Step | undefined) {
			const { world, databaseRole, env } = await makeLeasedWorld(ground, database, { ttl: '1h', max: '24h' });
			const app = await startApplication(204);
			const all = { ...env, ...app.env };
			const { launcher, trace } = tracing(world.pod.scratch.dir, step);
			const sidecar = await world.start({ env: all, launcher });
			const roles = async () => (await rolesOf(database)).filter((name) => name.includes(databaseRole));
			return { world, app, env: all, sidecar, trace, roles, databaseRole };
		}

		test('at any step of the issue of a user, its write and its notification: one user is left, and works', async () => {
			const whole = await issue(undefined);
			await until('the delivery', () => whole.world.logged('application notified')[0], SOME_CHECKS);
			await until('the saved delivery', () => whole.world.state()['pending'] === undefined);
			const steps = stepsOf(readFileSync(whole.trace, 'utf8'));
			await whole.world[Symbol.asyncDispose]();
			await whole.app[Symbol.asyncDispose]();
			// Before the request and after its answer the private file is saved, then the files are written.
			expect(steps.length).toBeGreaterThanOrEqual(8);

			const kill = async (step: Step): Promise<void> => {
				const name = `${step.call} ${step.count}`;
				const { world, app, env, sidecar, roles, databaseRole } = await issue(step);
				try {
					expect(await sidecar.exited, name).toMatchObject({ signal: 'SIGKILL' });
					await world.start({ env });
					await until(`the notification after ${name}`, () => app.accepted[0], SOME_CHECKS);
					await until(`one user after ${name}`, async () => (await roles()).length === 1, SOME_CHECKS);
					const { DB_USERNAME: user, DATABASE_URL: url = '' } = world.files();
					expect(await roles(), name).toEqual([user]);
					expect(await canConnect(url), name).toBe(true);
					expect(
						database
							.output()
							.split(`CREATE ROLE "v-`)
							.filter((text) => text.slice(0, 40).includes(databaseRole)).length,
						name,
					).toBeLessThanOrEqual(2);
				} finally {
					await world[Symbol.asyncDispose]();
					await app[Symbol.asyncDispose]();
				}
			};
			for (let first = 0; first < steps.length; first += AT_ONCE)
				await Promise.all(steps.slice(first, first + AT_ONCE).map(kill));
		}, 600_000);
	},
);
