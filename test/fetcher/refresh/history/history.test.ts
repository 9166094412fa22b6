import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../../support/openbao-setup.ts';
import { until } from '../../../support/until.ts';
import { startApplication } from '../support/application.ts';
import { type Ground, makeWorld, SOME_CHECKS, startGround } from '../support/world.ts';
import { auditedChanges, makeChanger } from './changes.ts';
import { type ChangeRecord, violationsOf } from './checker.ts';
import { causeFaults } from './faults.ts';
import { randomFrom } from './random.ts';
import { startReader } from './reader.ts';

const SECONDS = 60;
/** A period of 12 s at most, and time for a check on a busy machine. */
const BOUND = 30_000;
const CHECK = 5_000;

let ground: Ground;
let audit: string;
beforeAll(async () => {
	ground = await startGround();
	audit = `${ground.vault.dir}/audit.log`;
	await must(ground.vault, 'PUT', 'sys/audit/file', {
		body: { type: 'file', options: { file_path: audit } },
	});
});
afterAll(() => ground[Symbol.asyncDispose]());

test.concurrent.each([
	[1, true],
	[2, false],
	[3, true],
	[Date.now() % 1_000_000, true],
])(
	'random changes and faults, seed %i, one request a tier %s: nothing mixed, lost, or later than the bound',
	async (seed, details) => {
		const random = randomFrom(seed);
		await using app = await startApplication(204);
		await using world = await makeWorld(ground, { details });
		await world.fetch(app.env);
		let sidecar = await world.start({ env: app.env });
		const restart = async (): Promise<void> => {
			sidecar.signal('SIGKILL');
			await sidecar.exited;
			sidecar = await world.start({ env: app.env });
		};
		const reader = startReader(world.pod.out);
		const changer = makeChanger(world, random);
		const end = Date.now() + SECONDS * 1_000;
		const changing = (async () => {
			while (Date.now() < end) {
				await sleep(500 + random() * 5_000);
				// Some come close together, so that a check reads in between.
				for (let left = Math.ceil(random() * 4); left > 0; left -= 1) {
					await changer.change();
					await sleep(random() * 60);
				}
			}
		})();
		const outages = await causeFaults(world, {
			...{ end, random, restart },
			pause: [2_000, 10_000],
			longest: 6_000,
		});
		await changing;
		await world.untilFiles(sortedByKey(changer.states.at(-1) ?? {}));
		await until('the last notification', () => world.state()['pending'] === undefined, SOME_CHECKS);
		const { samples, looks } = await reader.stop();
		const audited = (await auditedChanges(audit, world.name)).slice(-(changer.states.length - 1));
		// Those of `makeWorld` are the first state.
		const changes: readonly ChangeRecord[] = changer.states.map((secrets, i) =>
			i === 0
				? { from: 0, to: samples[0]?.from ?? 0, secrets }
				: { ...(audited[i - 1] ?? { from: 0, to: 0 }), secrets },
		);
		expect(
			violationsOf({ changes, samples: samples.map(withoutCanary), outages, bound: BOUND, check: CHECK }),
		).toEqual([]);
		// The run was one: many looks and changes, and several generations.
		expect(looks).toBeGreaterThan(1_000);
		expect(changes.length).toBeGreaterThan(20);
		expect(new Set(samples.map(({ generation }) => generation)).size).toBeGreaterThan(3);
		const told = app.accepted.map((body) => JSON.parse(body) as { revision: string });
		expect(told.at(-1)?.revision).toBe(world.state()['revision']);
	},
	300_000,
);

function sortedByKey(secrets: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
	return Object.fromEntries(Object.entries(secrets).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `makeWorld` writes it before each value. */
function withoutCanary<
	T extends { readonly files: Readonly<Record<string, Readonly<Record<string, string>>>> },
>(sample: T): T {
	return JSON.parse(JSON.stringify(sample).replaceAll('only-in-vault-4711 ', '')) as T;
}
