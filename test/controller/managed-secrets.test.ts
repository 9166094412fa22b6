import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkKeys } from '../../controller/managed-secrets/check-type.ts';
import { managedSecretOf } from '../../controller/managed-secrets/decode.ts';
import {
	dueOf,
	isNewer,
	type Memory,
	nextLook,
	type SeenSecret,
} from '../../controller/managed-secrets/due.ts';
import { liveSecretOf } from '../../controller/managed-secrets/live-secret.ts';
import { isDataKey, isReservedLabel } from '../../controller/managed-secrets/names.ts';
import { organizationOf } from '../../controller/managed-secrets/organization.ts';
import { failed } from '../../controller/managed-secrets/outcome.ts';
import type { ManagedSecret, ManagedSecretStatus } from '../../controller/managed-secrets/resource.ts';
import { secretStep, type WantedSecret } from '../../controller/managed-secrets/secret.ts';
import { statusAfter } from '../../controller/managed-secrets/status.ts';

const SPEC = { deployment: 'shop', serviceAccountName: 'web', keys: [{ source: 'A', name: 'a' }] };
const METADATA = { name: 'web', namespace: 'shop', uid: 'uid-1', generation: 3 };

describe('decoding', () => {
	test('a spec with its defaults', () => {
		expect(managedSecretOf({ metadata: METADATA, spec: SPEC })?.spec).toEqual({
			ok: true,
			value: {
				...{ deployment: 'shop', serviceAccountName: 'web', service: undefined, org: undefined },
				...{ role: undefined, sync: false, deletionPolicy: 'Delete', refreshInterval: 3_600_000 },
				selection: { keys: [{ source: 'A', name: 'a' }], prefixes: [] },
				target: { name: 'web', type: 'Opaque', labels: {} },
			},
		});
	});

	// The API server refuses most of these; a definition of another version might not.
	test.for<[string, object, RegExp]>([
		['no selection', { keys: undefined }, /either keys or prefix/],
		['two selections', { prefix: { source: 'A' } }, /either keys or prefix/],
		['two names alike', { keys: [{ source: 'A' }, { source: 'B', name: 'A' }] }, /same name/],
		['a deployment that leaves its folder', { deployment: '..' }, /spec\.deployment/],
		['a key that is a path', { keys: [{ source: 'a/b' }] }, /spec\.keys\.0\.source/],
		['a role that is a path', { role: '../x' }, /spec\.role/],
		['a reserved label', { target: { labels: { 'kubernetes.io/x': 'y' } } }, /kubernetes\.io/],
		[
			'a type of the cluster',
			{ target: { type: 'kubernetes.io/service-account-token' } },
			/spec\.target\.type/,
		],
		['a short interval', { refreshInterval: '9s' }, /at least 10s/],
		['nothing at all', { deployment: undefined }, /spec\.deployment/],
	])('%s is an error that names the field', ([, change, message]) => {
		const decoded = managedSecretOf({ metadata: METADATA, spec: { ...SPEC, ...change } });
		expect(decoded?.spec).toMatchObject({ ok: false, error: expect.stringMatching(message) });
	});

	test('any object is decoded or left out, without an exception', () => {
		fc.assert(
			fc.property(fc.anything(), fc.anything(), (spec, status) => {
				managedSecretOf(spec);
				expect(managedSecretOf({ metadata: METADATA, spec, status })?.name).toBe('web');
			}),
		);
	});
});

test.for<[string, boolean]>([
	['tls.crt', true],
	['.dockerconfigjson', true],
	['..data', false],
	['.', false],
	['a/b', false],
	['', false],
])('the key "%s" of a Secret: %s', ([key, expected]) => {
	expect(isDataKey(key)).toBe(expected);
});

test.for<[string, boolean]>([
	['kubernetes.io/x', true],
	['app.kubernetes.io/name', true],
	['k8s.io/x', true],
	['argocd.argoproj.io/secret-type', true],
	['secret.envtier.dev/managed', true],
	['notkubernetes.io/x', false],
	['kubernetes.io.example.com/x', false],
	['team', false],
])('the label %s is reserved: %s', ([label, expected]) => {
	expect(isReservedLabel(label)).toBe(expected);
});

describe('when it is due', () => {
	const now = Date.parse('2026-01-01T12:00:00Z');
	const status = (change: Partial<ManagedSecretStatus> = {}): ManagedSecretStatus => ({
		...{ observedGeneration: 3, secretVersion: '100', lastSyncTime: '2026-01-01T11:59:00Z' },
		conditions: [
			{
				...{ type: 'Synced', status: 'True', reason: 'Synced', message: '', observedGeneration: 3 },
				lastTransitionTime: '2026-01-01T11:00:00Z',
			},
		],
		...change,
	});
	const due = (
		item: Partial<ManagedSecret> = {},
		seen?: SeenSecret,
		memory: Memory = {},
		spec = { refreshInterval: 3_600_000, sync: true },
	) => dueOf({ uid: 'u', generation: 3, status: status(), ...item }, spec, seen, memory, now);
	const there = (version: string): SeenSecret => ({ kind: 'there', version });

	test.for<[string, ReturnType<typeof due>, string | undefined]>([
		['one that was never looked at', due({ status: {} }), 'new'],
		['one with a changed spec', due({ generation: 4 }), 'spec'],
		['one whose Secret is as it was written', due({}, there('100')), undefined],
		['one whose Secret was written again by somebody', due({}, there('101')), 'secret-changed'],
		['one whose Secret is gone', due({}, { kind: 'gone' }), 'secret-gone'],
		['one of which nothing is known yet', due({}), undefined],
		['a view that is behind our own write', due({}, there('101'), { version: '102' }), undefined],
		[
			'a Secret that is gone, while sync is off',
			due({}, { kind: 'gone' }, {}, { refreshInterval: 3_600_000, sync: false }),
			undefined,
		],
		[
			'one whose interval has passed',
			due({ status: status({ lastSyncTime: '2026-01-01T10:00:00Z' }) }),
			'interval',
		],
		[
			'one that was looked at in the future',
			due({ status: status({ lastSyncTime: '2027-01-01T00:00:00Z' }) }),
			'interval',
		],
		['one without a time', due({ status: status({ lastSyncTime: undefined }) }), 'interval'],
		['one that has failed', due({ status: status({ conditions: [] }) }), 'failed'],
		[
			'one that waits after a failure',
			due({ status: status({ conditions: [] }) }, undefined, { notBefore: now + 5, generation: 3 }),
			undefined,
		],
		[
			'one that waits, with a changed spec',
			due({ generation: 4 }, undefined, { notBefore: now + 5, generation: 3 }),
			'spec',
		],
	])('%s', ([, step, reason]) => {
		expect(step.kind === 'now' ? step.reason : undefined).toBe(reason);
	});

	test('a wrong spec waits for somebody who changes it', () => {
		const step = dueOf({ uid: 'u', generation: 3, status: status() }, undefined, undefined, {}, now);
		expect(step).toEqual({ kind: 'later', wait: Number.POSITIVE_INFINITY });
	});

	test('the next look is the same for every replica, and within a tenth of the interval', () => {
		fc.assert(
			fc.property(fc.string(), fc.nat(), fc.integer({ min: 10_000, max: 1e9 }), (uid, last, interval) => {
				const next = nextLook(uid, last, interval);
				expect(next).toBe(nextLook(uid, last, interval));
				expect(next - last).toBeGreaterThanOrEqual(interval * 0.899);
				expect(next - last).toBeLessThanOrEqual(interval * 1.101);
			}),
		);
		const all = Array.from({ length: 100 }, (_, i) => nextLook(`uid-${i}`, 0, 1_000));
		expect(new Set(all).size).toBeGreaterThan(50);
	});

	test.for<[string, string, boolean]>([
		['101', '100', true],
		['1000', '999', true],
		['100', '100', false],
		['99', '100', false],
		['b', 'a', true],
		['a', 'a', false],
	])('version %s is newer than %s: %s', ([a, b, expected]) => {
		expect(isNewer(a, b)).toBe(expected);
	});
});

describe('what to do with the Secret', () => {
	const wanted = (change: Partial<WantedSecret> = {}): WantedSecret => ({
		owner: { namespace: 'shop', name: 'web', uid: 'uid-1' },
		target: { name: 'web', type: 'Opaque', labels: { team: 'shop' } },
		deletionPolicy: 'Delete',
		values: new Map([['A', 'a']]),
		...change,
	});
	/** The Secret that an apply of the body makes of another one: a model of server-side apply. */
	const appliedTo = (body: object, live: Record<string, unknown> = {}) => {
		const { metadata, data, type } = body as {
			metadata: Record<string, Record<string, string>>;
			data: Record<string, string>;
			type: string;
		};
		const old = (live['metadata'] ?? {}) as Record<string, Record<string, string>>;
		const own = (old['annotations']?.['secret.envtier.dev/keys'] ?? '').split(',');
		const kept = Object.entries((live['data'] ?? {}) as object).filter(([key]) => !own.includes(key));
		return {
			type,
			metadata: {
				...{ uid: 'secret-uid', resourceVersion: '7' },
				labels: { ...old['labels'], ...metadata['labels'] },
				annotations: { ...old['annotations'], ...metadata['annotations'] },
				ownerReferences: metadata['ownerReferences'],
			},
			data: { ...Object.fromEntries(kept), ...data },
		};
	};
	const stepBody = (step: ReturnType<typeof secretStep>): object => {
		if (step.kind !== 'create' && step.kind !== 'update') throw new Error(step.kind);
		return step.body;
	};

	test('what an apply has made needs no further one, whatever the names, values and keys of others', () => {
		const key = fc
			.string({ unit: fc.constantFrom('a', 'B', '.', '-', '_'), minLength: 1, maxLength: 8 })
			.filter(isDataKey);
		const values = fc.dictionary(key, fc.string(), { maxKeys: 5 });
		fc.assert(
			fc.property(values, values, values, fc.boolean(), (first, second, foreign, retained) => {
				const policy = retained ? 'Retain' : 'Delete';
				const one = wanted({ values: new Map(Object.entries(first)), deletionPolicy: policy });
				const made = appliedTo(stepBody(secretStep(undefined, one)));
				expect(secretStep(liveSecretOf(made), one).kind).toBe('unchanged');
				const theirs = Object.fromEntries(Object.entries(foreign).filter(([name]) => !(name in first)));
				const base64 = Object.entries(theirs).map(([name, value]) => [
					name,
					Buffer.from(value).toString('base64'),
				]);
				const shared = { ...made, data: { ...made.data, ...Object.fromEntries(base64) } };
				const two = wanted({ values: new Map(Object.entries(second)), deletionPolicy: policy });
				const step = secretStep(liveSecretOf(shared), two);
				const clash = Object.entries(second).some(
					([name, value]) => name in theirs && theirs[name] !== value,
				);
				if (clash) {
					expect(step).toMatchObject({ kind: 'failed', reason: 'KeysTaken' });
					return;
				}
				const after = step.kind === 'unchanged' ? shared : appliedTo(stepBody(step), shared);
				expect(secretStep(liveSecretOf(after), two).kind).toBe('unchanged');
				for (const [name, value] of base64) expect(after.data[name as string]).toBe(value);
			}),
		);
	});

	test('a Secret of somebody else is never written, whatever it looks like', () => {
		const texts = fc.dictionary(
			fc.constantFrom(
				'secret.envtier.dev/managed',
				'secret.envtier.dev/owner',
				'secret.envtier.dev/adopt',
				'x',
			),
			fc.constantFrom('true', 'web', 'other'),
		);
		fc.assert(
			fc.property(texts, texts, (labels, annotations) => {
				const live = liveSecretOf({ type: 'Opaque', metadata: { labels, annotations }, data: { A: 'eA==' } });
				const owns =
					labels['secret.envtier.dev/managed'] === 'true' &&
					annotations['secret.envtier.dev/owner'] === 'web';
				const adopts = annotations['secret.envtier.dev/adopt'] === 'web';
				const step = secretStep(live, wanted());
				if (!owns && !adopts) expect(step).toMatchObject({ kind: 'failed', reason: 'SecretNotOwned' });
				// Ours, without a note that A is ours: A is somebody else's.
				else if (!adopts) expect(step).toMatchObject({ kind: 'failed', reason: 'KeysTaken' });
				else expect(step).toMatchObject({ kind: 'update' });
			}),
		);
	});

	test('an update has the version that was read as its precondition', () => {
		const made = appliedTo(stepBody(secretStep(undefined, wanted())));
		const step = secretStep(liveSecretOf(made), wanted({ values: new Map([['A', 'b']]) }));
		expect(stepBody(step)).toMatchObject({ metadata: { uid: 'secret-uid', resourceVersion: '7' } });
	});
});

describe('the status', () => {
	const now = new Date('2026-01-01T12:00:00Z');
	const synced = { kind: 'synced', change: 'created', version: '5', keys: ['a'], adopted: false } as const;
	const statusOf = (
		before: ManagedSecretStatus,
		outcome: Parameters<typeof statusAfter>[2],
		hasSecret = true,
	) => statusAfter({ generation: 3, status: before }, 'web', outcome, hasSecret, now);
	const brief = ({ conditions = [] }: ManagedSecretStatus) =>
		conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`);
	const away = failed('VaultUnavailable', 'Vault does not answer');
	const good = statusOf({}, synced);

	test.for<[string, ManagedSecretStatus, readonly string[]]>([
		['written', good, ['Ready=True SecretWritten', 'Synced=True Synced']],
		[
			'Vault away before the first look',
			statusOf({}, away),
			['Ready=False VaultUnavailable', 'Synced=False VaultUnavailable'],
		],
		['Vault away later', statusOf(good, away), ['Ready=True SecretKept', 'Synced=False VaultUnavailable']],
		[
			'Vault away, and the Secret gone',
			statusOf(good, away, false),
			['Ready=False VaultUnavailable', 'Synced=False VaultUnavailable'],
		],
		[
			'Vault away, after a changed spec',
			statusOf({ ...good, syncedGeneration: 2 }, away),
			['Ready=False VaultUnavailable', 'Synced=False VaultUnavailable'],
		],
		['sync off', statusOf({}, { kind: 'off', keys: ['a'] }), ['Ready=False SyncOff', 'Synced=False SyncOff']],
	])('%s', ([, status, expected]) => {
		expect(brief(status)).toEqual(expected);
		expect(status.observedGeneration).toBe(3);
	});

	test('a condition keeps the time of its last transition, and a failure that of the last success', () => {
		const later = new Date('2026-01-01T13:00:00Z');
		const next = statusAfter({ generation: 3, status: good }, 'web', away, true, later);
		expect(next.conditions?.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual([
			now.toISOString(),
			later.toISOString(),
		]);
		expect(next.lastSyncTime).toBe(now.toISOString());
	});
});

describe('the organization', () => {
	const at = (
		labelMode: 'ignore' | 'default' | 'enforce',
		own?: string,
		label?: string,
		defaultOrg?: string,
	) => {
		const org = organizationOf(own, label, { labelMode, defaultOrg });
		return org.ok ? org.value : org.error.reason;
	};
	test.for<[string, string | undefined, string | undefined]>([
		['its own', at('default', 'acme', 'other'), 'acme'],
		['that of the label', at('default', undefined, 'acme', 'x'), 'acme'],
		['that of the operator', at('default', undefined, undefined, 'acme'), 'acme'],
		['none', at('default'), undefined],
		['the label does not count', at('ignore', undefined, 'other', 'acme'), 'acme'],
		['enforced: that of the label', at('enforce', undefined, 'acme'), 'acme'],
		['enforced: the same', at('enforce', 'acme', 'acme'), 'acme'],
		['enforced: another', at('enforce', 'other', 'acme'), 'OrganizationNotAllowed'],
		['enforced: one where there is none', at('enforce', 'other'), 'OrganizationNotAllowed'],
		['a label that is none', at('default', undefined, 'A/../B'), 'OrganizationNotAllowed'],
	])('%s', ([, found, expected]) => {
		expect(found).toBe(expected);
	});
});

test('a type without its keys is refused before the API server is asked', () => {
	expect(checkKeys('kubernetes.io/basic-auth', ['password'])).toMatchObject({ ok: true });
	expect(checkKeys('kubernetes.io/basic-auth', ['other'])).toMatchObject({
		error: {
			reason: 'TypeUnsatisfied',
			message: expect.stringContaining('"username" and "password" (one of them)'),
		},
	});
});
