/**
 * Two concurrent attempts to create one name: a failure of one, at any step, removes nothing of the other.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { startAttempt, startTimeLimit } from '../../api/deployments/attempt.ts';
import { type CreatedDeployment, createDeployment } from '../../api/deployments/create-deployment.ts';
import { completeJournal, openJournal, readJournal, takeOver } from '../../api/deployments/journal.ts';
import { startRecovery, type UndoQueue } from '../../api/deployments/recovery.ts';
import { indexEntries } from '../../api/deployments/registry.ts';
import { undoAbandoned } from '../../api/deployments/undo.ts';
import { createSecret } from '../../api/secrets/secrets.ts';
import { createMemoryStore } from '../../api/store/memory.ts';
import { type Store, StoreFailure } from '../../api/store/store.ts';
import {
	changeTemplate,
	createTemplate,
	ownTemplate,
	usableTemplate,
} from '../../api/templates/templates.ts';
import { createGenerators } from '../../api/types/generators.ts';
import { BACKENDS } from './support/stores.ts';

const TEMPLATE = 'base';
const KEYS = ['A', 'B', 'C'];
const ALICE = { subject: 'user:alice', org: 'acme' };
const now = (): Date => new Date();

/** A store whose operations run through `run`, which gets the name of each. */
function around(store: Store, run: <R>(work: () => Promise<R>, what: string) => Promise<R>): Store {
	const wrap =
		<A extends unknown[], R>(operation: string, work: (...args: A) => Promise<R>) =>
		(...args: A): Promise<R> =>
			run(() => work(...args), `${operation} ${String(args[0])}`);
	return {
		...store,
		put: wrap('put', store.put),
		describe: wrap('describe', store.describe),
		head: wrap('head', store.head),
		list: wrap('list', store.list),
		listHeads: wrap('listHeads', store.listHeads),
		remove: wrap('remove', store.remove),
		read: wrap('read', store.read),
	};
}

/** A store that tells of each operation before it is done, and may fail instead of it or after it. */
function watched(
	store: Store,
	before: (number: number) => Promise<void>,
	failing: Failing | undefined,
): Store {
	let count = 0;
	return around(store, async (work) => {
		count += 1;
		const number = count;
		await before(number);
		const last = failing?.once === true ? failing.from : Number.POSITIVE_INFINITY;
		const fails = failing !== undefined && number >= failing.from && number <= last;
		if (fails && !(failing.answerLost && number === failing.from))
			throw new StoreFailure('unreachable', 'made by the test');
		const outcome = await work();
		if (fails) throw new StoreFailure('unreachable', 'made by the test: the answer is lost');
		return outcome;
	});
}

interface Failing {
	/** The operation from which on the store is away, counted from 1. */
	readonly from: number;
	/** True when that operation is done and only its answer is lost. */
	readonly answerLost: boolean;
	/** True when the store is there again for the next operation. */
	readonly once: boolean;
}

const FAILURES = [
	{ answerLost: false, once: true },
	{ answerLost: false, once: false },
	{ answerLost: true, once: true },
	{ answerLost: true, once: false },
];

const unaudited = <T>(_: string, __: object, work: () => Promise<T>): Promise<T> => work();

/** An attempt of one caller. */
async function attempt(store: Store, recovery: UndoQueue, name: string, owner: string) {
	const deployment = { name, owner, org: 'acme', template: TEMPLATE, createdAt: now().toISOString() };
	const by = {
		subject: owner,
		at: now(),
		step: unaudited,
		attempt: startAttempt(now()),
	};
	const template = await usableTemplate(store, TEMPLATE, { subject: owner, org: 'acme' });
	if (!template.ok) throw new Error(template.error.message);
	const asked = { deployment, template: template.value, copiesValues: true, adopt: false };
	const wanted = { ...asked, generators: createGenerators() };
	return await createDeployment(store, wanted, { ...by, requestId: owner }, recovery);
}

const RECOVERY = { retry: 60_000, sweep: 60_000, now, audit: () => undefined };
const LOG = pino({ level: 'silent' });

type Told = CreatedDeployment | 'failed' | 'refused';

const tell = (running: ReturnType<typeof attempt>): Promise<Told> =>
	running.then(
		(outcome) => (outcome.ok ? outcome.value : 'refused'),
		() => 'failed',
	);

/**
 * Runs a second attempt with a failure at an operation of the first one, and undoes it as soon as possible,
 * before the first attempt continues.
 */
async function interleave(
	store: Store,
	name: string,
	at: number,
	failing: Failing | undefined,
): Promise<{ readonly first: Told; readonly second: Told; readonly operations: number }> {
	let operations = 0;
	let second: Told = 'refused';
	const ours = startRecovery(store, LOG, RECOVERY);
	const theirs = startRecovery(store, LOG, RECOVERY);
	const interrupt = async (number: number): Promise<void> => {
		operations = number;
		if (number !== at) return;
		const faulty = watched(store, () => Promise.resolve(), failing);
		second = await tell(attempt(faulty, theirs, name, 'user:second'));
		await theirs.settle(name);
	};
	try {
		const first = await tell(attempt(watched(store, interrupt, undefined), ours, name, 'user:first'));
		await ours.settle(name);
		return { first, second, operations };
	} finally {
		ours.stop();
		theirs.stop();
	}
}

/** A template with a value for each of KEYS. */
async function makeTemplate(store: Store): Promise<void> {
	const auditStamp = { subject: ALICE.subject, at: now() };
	await createTemplate(
		store,
		{ name: TEMPLATE, services: [{ name: 'web', image: '', secrets: [] }] },
		ALICE,
		auditStamp,
	);
	const made = await ownTemplate(store, TEMPLATE, ALICE);
	if (!made.ok) throw new Error(made.error.message);
	await changeTemplate(store, made.value, { shared: true });
	const location = { kind: 'template', template: TEMPLATE } as const;
	for (const key of KEYS)
		await createSecret(store, { location, key }, { value: key, description: '' }, auditStamp, {
			overwritesPerHour: 1,
		});
}

async function stateOf(store: Store, name: string): Promise<object> {
	return {
		owner: (await store.head(`registry/deployments/${name}`))?.metadata['owner'],
		secrets: await store.list(`deployments/${name}/secrets`),
		journals: (await store.list('templates/_journal')).filter((one) => one === name),
	};
}

describe.each(Object.entries(BACKENDS).filter(([name]) => !name.includes('namespace')))(
	'on %s',
	(kind, open) => {
		test('a failed attempt takes nothing away from another one', { timeout: 300_000 }, async () => {
			await using under = await open();
			const { store } = under;
			await makeTemplate(store);
			const alone = await interleave(store, 'alone', -1, undefined);
			expect(alone.first).toMatchObject({ copied: [{ key: 'A' }, { key: 'B' }, { key: 'C' }] });
			// Most pairs of steps in memory; a real Vault takes time for each.
			const stride = kind === 'memory' ? 2 : 6;
			const steps = Array.from({ length: Math.ceil(alone.operations / stride) }, (_, i) => 1 + i * stride);
			const cases = steps.flatMap((at) =>
				steps.flatMap((from) => FAILURES.map((failure) => ({ at, failing: { from, ...failure } }))),
			);
			expect(cases.length).toBeGreaterThan(50);
			for (const [i, { at, failing }] of cases.entries()) {
				const name = `d-${i}`;
				const { first, second } = await interleave(store, name, at, failing);
				const made = [first, second].filter((one) => typeof one === 'object');
				const what = JSON.stringify({ at, failing, first, second });
				// What was answered first is what counts; the other one is refused.
				expect(made.length, what).toBeLessThanOrEqual(1);
				const state = await stateOf(store, name);
				const ofSecond = { owner: 'user:second', secrets: KEYS, journals: [] };
				// Its last answer was lost: it is made all the same, and the first one finds the name taken.
				if (second === 'failed' && first === 'refused') expect(state, what).toEqual(ofSecond);
				else if (typeof second === 'object') expect(state, what).toEqual(ofSecond);
				else {
					expect(first, what).toBeTypeOf('object');
					expect(state, what).toEqual({ owner: 'user:first', secrets: KEYS, journals: [] });
				}
			}
		});

		test('of several that undo one attempt, one gets it; the others wait until it must have ended', async () => {
			await using under = await open();
			const { store } = under;
			const at = now();
			const journal = {
				attempt: 'a',
				requestId: '',
				owner: 'user:first',
				startedAt: at.toISOString(),
				paths: [],
			};
			expect(await openJournal(store, 'shared', journal)).toBe(true);
			const take = (by: string, attempt = 'a', when = at) =>
				takeOver(store, 'shared', attempt, { by, limit: startTimeLimit(when) });
			const callers = ['one', 'two', 'three'];
			const taken = await Promise.all(callers.map((by) => take(by)));
			expect(taken.filter((one) => one === 'locked')).toHaveLength(2);
			const winner = callers[taken.findIndex((one) => one !== 'locked')] ?? '';
			expect(await take(winner)).toMatchObject({ journal: { attempt: 'a' } });
			expect(await take('four')).toBe('locked');
			expect(await take('four', 'another attempt')).toBe('none');
			const startPlus = (seconds: number) => new Date(at.getTime() + seconds * 1000);
			expect(await take('four', 'a', startPlus(100))).toBe('locked');
			expect(await take('four', 'a', startPlus(130))).toMatchObject({ journal: { attempt: 'a' } });
			// Whoever made the attempt notices, and does not go on.
			expect(await completeJournal(store, 'shared', journal)).toBe(false);
		});
	},
);

/** Only the clock is the test's: it is what two minutes depend on. */
describe('a store that takes minutes', () => {
	const START = new Date('2026-01-01T00:00:00Z');
	const NAME = 'slow';
	const MARKER = `registry/deployments/${NAME}`;
	const QUEUE: UndoQueue = { add: () => undefined, settle: () => Promise.resolve() };
	const wait = (seconds: number): void => void vi.setSystemTime(Date.now() + seconds * 1000);

	beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: START }));
	afterEach(() => void vi.useRealTimers());

	/** Everything in the store that belongs to the name. */
	async function everything(store: Store): Promise<object> {
		const copies = KEYS.map((key) => store.head(`deployments/${NAME}/secrets/${key}`));
		return {
			journal: await readJournal(store, NAME),
			marker: await store.head(MARKER),
			index: await indexEntries(store, 'user:first', 'deployments'),
			copies: await Promise.all(copies),
		};
	}

	/**
	 * The answer to operation number `at` of an attempt takes two minutes. Meanwhile another process undoes the
	 * attempt, and the same owner creates the name. This second attempt waits at its operation number `pause`
	 * until the first one has ended.
	 */
	async function overtake(at: number, pause: number, fails: boolean) {
		vi.setSystemTime(START);
		const store = createMemoryStore();
		await makeTemplate(store);
		const [paused, resume] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
		let operations = 0;
		let before: object | undefined;
		let second: Promise<Told> | undefined;
		const meanwhile = async (): Promise<void> => {
			wait(121);
			await undoAbandoned(store, NAME, now, unaudited);
			const pausing = async (number: number): Promise<void> => {
				if (number !== pause) return;
				paused.resolve();
				await resume.promise;
			};
			second = tell(attempt(watched(store, pausing, undefined), QUEUE, NAME, 'user:first'));
			await Promise.race([paused.promise, second]);
			// What the second attempt does beside the operation that waits is done by then.
			await nextTurn();
			before = await everything(store);
		};
		const slow = around(store, async (work, what) => {
			if (fails && what === `describe ${MARKER}`) throw new StoreFailure('unavailable', 'made by the test');
			const outcome = await work();
			operations += 1;
			if (operations === at) await meanwhile();
			return outcome;
		});
		const first = await tell(attempt(slow, QUEUE, NAME, 'user:first'));
		const after = await everything(store);
		resume.resolve();
		return { first, second: await second, before, after, operations, end: await everything(store) };
	}

	test.each([
		['an attempt', false],
		['an undo', true],
	])('%s that was taken over changes nothing more', { timeout: 120_000 }, async (_what, fails) => {
		const alone = await overtake(-1, 0, fails);
		expect(alone.operations).toBeGreaterThan(fails ? 30 : 20);
		for (let at = 1; at <= alone.operations; at += 1)
			for (let pause = 0; pause <= 30; pause += 3) {
				const { first, second, before, after, end } = await overtake(at, pause, fails);
				const what = JSON.stringify({ at, pause, first, second });
				expect(before, what).toBeDefined();
				expect(after, what).toEqual(before);
				const made = [first, second].filter((one) => typeof one === 'object');
				expect(made, what).toHaveLength(1);
				const copy = expect.objectContaining({ live: true });
				expect(end, what).toMatchObject({
					journal: undefined,
					marker: { metadata: { owner: 'user:first', created_at: made[0]?.deployment.createdAt } },
					index: [NAME],
					copies: [copy, copy, copy],
				});
			}
	});

	test('an undo that starts late is not taken over early', async () => {
		const store = createMemoryStore();
		await makeTemplate(store);
		const taken: unknown[] = [];
		let undoing = false;
		const slow = around(store, async (work, what) => {
			if (what === `describe ${MARKER}`) {
				wait(100);
				undoing = true;
				throw new StoreFailure('unavailable', 'made by the test');
			}
			if (undoing && what === `remove ${MARKER}`) {
				wait(30);
				const { attempt: id = '' } = (await readJournal(store, NAME)) ?? {};
				taken.push(await takeOver(store, NAME, id, { by: 'another', limit: startTimeLimit(now()) }));
			}
			return await work();
		});
		expect(await tell(attempt(slow, QUEUE, NAME, 'user:first'))).toBe('failed');
		expect(taken).toEqual(['locked']);
		expect(await everything(store)).toMatchObject({ journal: undefined, marker: undefined, index: [] });
	});

	test('an attempt that waited too long for an undo does not begin', async () => {
		const store = createMemoryStore();
		await makeTemplate(store);
		const queue: UndoQueue = { ...QUEUE, settle: () => Promise.resolve(wait(61)) };
		const writes: string[] = [];
		const recorded = around(store, (work, what) => {
			if (/^(?:put|describe|remove) /.test(what)) writes.push(what);
			return work();
		});
		expect(await tell(attempt(recorded, queue, NAME, 'user:first'))).toBe('refused');
		expect(writes).toEqual([]);
	});
});
