/** What is left of a destroyed secret, until its retention ends. On each store, with the shipped policy. */
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
	parseSecretId,
	pathOf,
	type SecretRef,
	type StampedSecretRef,
} from '../../api/secrets/secret-location.ts';
import { createSecret } from '../../api/secrets/secrets.ts';
import { startTombstoneWatch } from '../../api/secrets/tombstone-watch.ts';
import { type PurgeContext, purgeTombstones, REMOVAL } from '../../api/secrets/tombstones.ts';
import { deleteSecret, destroySecret } from '../../api/secrets/versions.ts';
import type { AuditLine } from '../../lib/audit/lines.ts';
import { until } from '../support/until.ts';
import { BACKENDS, type StoreUnderTest } from './support/stores.ts';

const DAY = 86_400_000;
const RETENTION = 30 * DAY;
const START = Date.now();
const rules = { overwritesPerHour: 100 };
const by = (ms = 0) => ({ subject: 'user:alice', at: new Date(START + ms) });

describe.each(Object.entries(BACKENDS))('in %s', (_name, open) => {
	let on: StoreUnderTest;
	let counter = 0;
	beforeAll(async () => {
		on = await open();
	});
	afterAll(() => on?.[Symbol.asyncDispose]());

	const newRef = (): SecretRef => {
		counter += 1;
		return { location: { kind: 'deployment', deployment: 'shop', service: 'web' }, key: `KEY_${counter}` };
	};
	const create = (ref: SecretRef, ms = 0) =>
		createSecret(on.store, ref, { value: 'v', description: '' }, by(ms), rules);
	const made = async (ref: SecretRef): Promise<StampedSecretRef> => {
		const created = await create(ref);
		const stamped = created.ok ? parseSecretId(created.value.id) : undefined;
		if (stamped === undefined) throw new Error('not created');
		return stamped;
	};
	const destroyed = async (): Promise<SecretRef> => {
		const ref = newRef();
		expect((await destroySecret(on.store, await made(ref), by())).ok).toBe(true);
		return ref;
	};
	/** Purges at a time; the wait for calls in flight takes no time, and `meanwhile` happens in it. */
	const purge = (
		ms: number,
		meanwhile: () => Promise<void> = async () => undefined,
		steps: string[] = [],
	) => {
		let clock = START + ms;
		const context: PurgeContext = {
			retention: RETENTION,
			now: () => new Date(clock),
			wait: async (pause) => {
				clock += pause;
				await meanwhile();
			},
			step: async (action, { scope, key }, work) => {
				steps.push(`${action} ${scope} ${key}`);
				return await work();
			},
		};
		return purgeTombstones(on.store, context);
	};
	const versionAt = async (ref: SecretRef) => (await on.store.head(pathOf(ref)))?.version;

	test('it stays until then, and the next secret continues the version numbers', async () => {
		const ref = await destroyed();
		expect(await purge(RETENTION - 60_000)).toBe(0);
		expect((await create(ref)).ok).toBe(true);
		expect(await versionAt(ref)).toBe(2);
	});

	test('then it is removed, with an audit line, and version numbers begin at 1', async () => {
		const ref = await destroyed();
		const steps: string[] = [];
		expect(await purge(RETENTION + 60_000, undefined, steps)).toBe(1);
		expect(steps).toEqual([`secrets.purge deployments/shop/services/web/secrets ${ref.key}`]);
		expect(await on.store.head(pathOf(ref))).toBeUndefined();
		expect(await purge(RETENTION + 2 * 60_000)).toBe(0);
		expect((await create(ref)).ok).toBe(true);
		expect(await versionAt(ref)).toBe(1);
	});

	test('while it is being removed nobody creates a secret over it, afterwards everybody may', async () => {
		const ref = await destroyed();
		const removed = await purge(RETENTION + 60_000, async () => {
			const refused = await create(ref, RETENTION + 60_000 + REMOVAL.from);
			expect(refused).toMatchObject({
				error: { status: 409, message: expect.stringContaining('being removed') },
			});
		});
		expect(removed).toBe(1);
		expect((await create(ref, RETENTION + 60_000 + REMOVAL.from)).ok).toBe(true);
	});

	test('a secret that a slow call creates after all is not taken along', async () => {
		const ref = await destroyed();
		const removed = await purge(RETENTION + 60_000, async () => {
			// It read the secret before the mark.
			expect(await on.store.putVersion(pathOf(ref), { value: 'late' }, 1)).toMatchObject({ number: 2 });
		});
		expect(removed).toBe(0);
		expect(await on.store.head(pathOf(ref))).toMatchObject({ version: 2, live: true });
	});

	test('a removal that takes too long stops', async () => {
		const ref = await destroyed();
		let late = 0;
		const context: PurgeContext = {
			retention: RETENTION,
			now: () => new Date(START + RETENTION + 60_000 + late),
			wait: () => {
				late = REMOVAL.to;
				return Promise.resolve();
			},
			step: (_action, _note, work) => work(),
		};
		expect(await purgeTombstones(on.store, context)).toBe(0);
		expect(await versionAt(ref)).toBe(1);
		// The mark of a process that ended holds nobody up.
		const later = RETENTION + 120_000 + REMOVAL.forgotten;
		expect((await create(ref, later)).ok).toBe(true);
		expect(await versionAt(ref)).toBe(2);
	});

	test('of two purges at the same time, one removes it', async () => {
		const ref = await destroyed();
		let inner = 0;
		const outer = await purge(RETENTION + 60_000, async () => {
			inner = await purge(RETENTION + 60_000 + REMOVAL.forgotten * 2);
			expect((await create(ref, RETENTION + 3 * REMOVAL.forgotten)).ok).toBe(true);
		});
		expect([outer, inner]).toEqual([0, 1]);
		expect(await on.store.head(pathOf(ref))).toMatchObject({ version: 1, live: true });
	});

	test('a secret that was created again, and only deleted, is none', async () => {
		const ref = await destroyed();
		const again = await made(ref);
		expect((await deleteSecret(on.store, again, by())).ok).toBe(true);
		expect(await purge(RETENTION + 60_000)).toBe(0);
		expect(await versionAt(ref)).toBe(2);
		// Its entry is gone, and comes back with the next destruction.
		expect((await destroySecret(on.store, again, by())).ok).toBe(true);
		expect(await purge(RETENTION + 60_000)).toBe(1);
	});

	test('the API removes them by itself, as the system', async () => {
		const ref = await destroyed();
		const lines: AuditLine[] = [];
		const stop = startTombstoneWatch(on.store, pino({ level: 'silent' }), {
			...{ retention: RETENTION, first: 0, interval: 3_600_000 },
			now: () => new Date(START + RETENTION + 60_000),
			audit: (line) => void lines.push(line),
			wait: () => Promise.resolve(),
		});
		await until('the removal', () => lines.some(({ phase, key }) => phase === 'result' && key === ref.key));
		stop();
		expect(lines.filter(({ key }) => key === ref.key)).toMatchObject([
			{ phase: 'intent', actor: 'envtier-api', via: 'system', action: 'secrets.purge' },
			{ phase: 'result', actor: 'envtier-api', via: 'system', action: 'secrets.purge', result: 'done' },
		]);
		expect(await on.store.head(pathOf(ref))).toBeUndefined();
	});
});
