/** Two attempts at one name: whatever fails in one of them, and whenever, takes nothing away from the other. */
import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { type CreatedDeployment, createDeployment } from '../../api/deployments/create-deployment.ts';
import { completeJournal, openJournal, takeOver } from '../../api/deployments/journal.ts';
import { type Recovery, startRecovery } from '../../api/deployments/recovery.ts';
import { createSecret } from '../../api/secrets/secrets.ts';
import { type Store, StoreFailure } from '../../api/store/store.ts';
import {
	changeTemplate,
	createTemplate,
	ownTemplate,
	usableTemplate,
} from '../../api/templates/templates.ts';
import { BACKENDS } from './support/stores.ts';

const TEMPLATE = 'base';
const KEYS = ['A', 'B', 'C'];
const ALICE = { subject: 'user:alice', org: 'acme' };
const now = (): Date => new Date();

/** A store that tells of each operation before it is done, and may fail instead of it or after it. */
function watched(
	store: Store,
	before: (number: number) => Promise<void>,
	failing: Failing | undefined,
): Store {
	let count = 0;
	const wrap =
		<A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
		async (...args: A): Promise<R> => {
			count += 1;
			const number = count;
			await before(number);
			const last = failing?.once === true ? failing.from : Number.POSITIVE_INFINITY;
			const fails = failing !== undefined && number >= failing.from && number <= last;
			if (fails && !(failing.answerLost && number === failing.from))
				throw new StoreFailure('unreachable', 'made by the test');
			const outcome = await work(...args);
			if (fails) throw new StoreFailure('unreachable', 'made by the test: the answer is lost');
			return outcome;
		};
	return {
		...store,
		put: wrap(store.put),
		describe: wrap(store.describe),
		head: wrap(store.head),
		list: wrap(store.list),
		remove: wrap(store.remove),
		read: wrap(store.read),
	};
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

/** An attempt of one caller. */
async function attempt(store: Store, recovery: Recovery, name: string, owner: string) {
	const deployment = { name, owner, org: 'acme', template: TEMPLATE, createdAt: now().toISOString() };
	const by = {
		subject: owner,
		at: now(),
		step: <T>(_: string, __: object, work: () => Promise<T>) => work(),
	};
	const template = await usableTemplate(store, TEMPLATE, { subject: owner, org: 'acme' });
	if (!template.ok) throw new Error(template.error.message);
	const wanted = { deployment, template: template.value, adopt: false };
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
 * Runs a second attempt, failing as told, when the first one comes to an operation, and lets its process undo it as soon as it can:
 * all of that before the first attempt goes on.
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
		await createSecret(store, { location, key }, { value: key, description: '' }, auditStamp);
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
				takeOver(store, 'shared', attempt, { by, now: when });
			const callers = ['one', 'two', 'three'];
			const taken = await Promise.all(callers.map((by) => take(by)));
			expect(taken.filter((one) => one === 'locked')).toHaveLength(2);
			const winner = callers[taken.findIndex((one) => one !== 'locked')] ?? '';
			expect(await take(winner)).toMatchObject({ journal: { attempt: 'a' } });
			expect(await take('four')).toBe('locked');
			expect(await take('four', 'another attempt')).toBe('none');
			const later = new Date(at.getTime() + 120_000);
			expect(await take('four', 'a', later)).toMatchObject({ journal: { attempt: 'a' } });
			// Whoever made the attempt notices, and does not go on.
			expect(await completeJournal(store, 'shared', journal)).toBe(false);
		});
	},
);
