import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allowed, type Capability, type Policy } from '../../dev/vault/acl.ts';
import type { Answer } from '../support/http.ts';
import { createToken, writePolicy } from '../support/openbao-setup.ts';
import type { Backend } from './support/backend.ts';
import { startOther } from './support/backends.ts';
import { startEmbedded } from './support/embedded.ts';
import { policyText } from './support/real.ts';

/** An answer without what differs on every run: times, ids, and how a parser words its complaint. */
function essence({ status, json, text }: Answer): unknown {
	const body = JSON.stringify(json ?? text, (name, value) => {
		if (name === 'request_id') return '';
		if (name.endsWith('_time') && value !== '') return 'TIME';
		return typeof value === 'string' ? value.replace(/(converting input for field "\w+").*/s, '$1') : value;
	});
	// Parsed again: the order of an object's names means nothing.
	return { status, body: JSON.parse(body) };
}

const path = fc.constantFrom('a', 'a/b', 'a/b/c', 'd');
const version = fc.integer({ min: 0, max: 4 });
const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.string()));
const fields = fc.dictionary(fc.constantFrom('value', 'other', 'third'), value);
const options = fc.option(fc.record({ cas: fc.oneof(version, fc.constant('1'), fc.constant('x')) }), {
	nil: undefined,
});
const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };

/** Requests to KV v2 that mean something to each other: few paths, few versions. */
const kv2 = fc.oneof(
	fc.record({
		method: fc.constant('POST'),
		to: fc.constant('data'),
		path,
		body: fc.record({ data: fields, options }),
	}),
	fc.record({
		method: fc.constant('PATCH'),
		to: fc.constant('data'),
		path,
		body: fc.record({ data: fields, options }),
	}),
	fc.record({ method: fc.constantFrom('GET', 'DELETE'), to: fc.constantFrom('data', 'metadata'), path }),
	fc.record({ method: fc.constant('LIST'), to: fc.constant('metadata'), path }),
	// A version that is deleted, undeleted or destroyed is read by its number.
	fc.record({
		method: fc.constant('GET'),
		to: fc.constant('data'),
		path: fc.tuple(path, version).map(([at, number]) => `${at}?version=${number}`),
	}),
	fc.record({
		method: fc.constantFrom('POST', 'PUT'),
		to: fc.constantFrom('delete', 'undelete', 'destroy'),
		path,
		body: fc.record({ versions: fc.array(version, { maxLength: 3 }) }),
	}),
	fc.record({
		method: fc.constantFrom('POST', 'PATCH'),
		to: fc.constant('metadata'),
		path,
		body: fc.record(
			{
				max_versions: version,
				cas_required: fc.boolean(),
				custom_metadata: fc.dictionary(fc.constantFrom('owner', 'x'), fc.constantFrom('me', 'you')),
			},
			{ requiredKeys: [] },
		),
	}),
);

const kv1 = fc.oneof(
	fc.record({ method: fc.constantFrom('POST', 'PUT'), path, body: fields }),
	fc.record({ method: fc.constantFrom('GET', 'LIST', 'DELETE'), path }),
);

describe('the embedded Vault and a real one, asked the same', () => {
	let embedded: Backend;
	let real: Backend;
	let round = 0;
	beforeAll(async () => {
		[embedded, real] = await Promise.all([startEmbedded(), startOther()]);
	});
	afterAll(async () => {
		await Promise.all([embedded?.[Symbol.asyncDispose](), real?.[Symbol.asyncDispose]()]);
	});
	const answerAlike = async (method: string, where: string, body: unknown): Promise<void> => {
		const headers = method === 'PATCH' ? MERGE_PATCH : {};
		const [ours, theirs] = await Promise.all(
			[embedded, real].map((vault) => vault.request(method, where, { body, headers })),
		);
		expect(ours && essence(ours), `${method} ${where} ${JSON.stringify(body)}`).toEqual(
			theirs && essence(theirs),
		);
	};

	test('any sequence of KV v2 requests is answered alike', async () => {
		await fc.assert(
			fc.asyncProperty(fc.array(kv2, { minLength: 1, maxLength: 15 }), async (requests) => {
				const own = `drift/${round++}`;
				for (const request of requests) {
					const body = 'body' in request ? request.body : undefined;
					await answerAlike(request.method, `secret/${request.to}/${own}/${request.path}`, body);
				}
			}),
			{ numRuns: 60 },
		);
	}, 120_000);

	test('any sequence of KV v1 requests is answered alike', async () => {
		await fc.assert(
			fc.asyncProperty(fc.array(kv1, { minLength: 1, maxLength: 10 }), async (requests) => {
				const own = `drift/${round++}`;
				for (const request of requests) {
					const body = 'body' in request ? request.body : undefined;
					await answerAlike(request.method, `legacy/${own}/${request.path}`, body);
				}
			}),
			{ numRuns: 30 },
		);
	}, 120_000);

	const segment = fc.constantFrom('a', 'b', 'ab');
	const pattern = fc
		.tuple(
			fc.array(fc.oneof(segment, segment, fc.constant('+')), { minLength: 1, maxLength: 3 }),
			fc.constantFrom('', '/', '*', '/*'),
		)
		.map(([segments, end]) => segments.join('/') + end)
		.filter((text) => !text.includes('+*'));
	const can = fc.subarray<Capability>(['read', 'list', 'deny'], { minLength: 1 });
	const rules = fc.dictionary(
		fc
			.tuple(fc.constantFrom('secret/data/', 'secret/metadata/', 'secret/+/'), pattern)
			.map((parts) => parts.join('')),
		can,
		{ minKeys: 1, maxKeys: 5 },
	);
	const asked = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'));

	test('any policies allow the same', async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.array(rules, { minLength: 1, maxLength: 3 }),
				fc.array(asked, { minLength: 5, maxLength: 8 }),
				async (written, paths) => {
					const names = written.map((_, index) => `drift-${round++}-${index}`);
					for (const [index, name] of names.entries())
						await writePolicy(real, name, policyText(written[index] ?? {}));
					const token = await createToken(real, names);
					const policies: Policy[] = written.map((policy) => new Map(Object.entries(policy)));
					for (const path of paths) {
						const read = await real.request('GET', `secret/data/${path}`, { token });
						const list = await real.request('LIST', `secret/metadata/${path}`, { token });
						expect({
							...{ path, written },
							read: allowed(policies, `secret/data/${path}`).has('read'),
							list: allowed(policies, `secret/metadata/${path}/`).has('list'),
						}).toEqual({ path, written, read: read.status !== 403, list: list.status !== 403 });
					}
				},
			),
			{ numRuns: 60 },
		);
	}, 120_000);
});
