import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readTemplate } from '../../api/templates/input.ts';
import { type ApiUnderTest, caller, startApi } from './support/api.ts';

const alice = caller('user:alice');
const colleague = caller('user:bob');
let api: ApiUnderTest;
beforeAll(async () => {
	api = await startApi({ callers: [alice, colleague] });
});
afterAll(() => api?.[Symbol.asyncDispose]());

const put = (method: 'POST' | 'PUT', query: string, body: string | object) =>
	api.send(method, `/api/templates${query}`, {
		as: alice,
		body,
		headers: typeof body === 'string' ? { 'content-type': 'application/yaml' } : {},
	});

const WRITTEN = `services:
  - name: postgres
    image: postgres:15
    secrets:
      - key: POSTGRES_PASSWORD
        description: "Database admin password"
      - key: POSTGRES_USER
        description: "Database admin user"
`;

const SERVICES = [
	{
		name: 'postgres',
		image: 'postgres:15',
		secrets: [
			{ key: 'POSTGRES_PASSWORD', description: 'Database admin password' },
			{ key: 'POSTGRES_USER', description: 'Database admin user' },
		],
	},
];

describe('a template as people write it', () => {
	test('is taken as it is: its name comes from the query', async () => {
		const made = await put('POST', '?name=as-written', WRITTEN);
		expect([made.status, made.json]).toEqual([
			201,
			expect.objectContaining({ name: 'as-written', services: SERVICES, warnings: [] }),
		]);
		const changed = await put('PUT', '?name=as-written', WRITTEN);
		expect(changed.json).toMatchObject({ name: 'as-written', services: SERVICES });
	});

	test.for<readonly [sentence: string, query: string, top: string, status: number, part: string]>([
		['its name stands at the top', '', 'name: at-top\n', 201, '"name":"at-top"'],
		['both names are the same', '?name=both-same', 'name: both-same\n', 201, '"name":"both-same"'],
		['the names differ', '?name=one', 'name: other\n', 400, 'differ'],
		['there is no name', '', '', 400, 'name is required'],
		['the name in the query is none', '?name=Not_A_Name', '', 400, 'name must be'],
		['the query has something else', '?name=a&owner=b', '', 400, 'unknown field \\"owner\\"'],
		[
			'a field at the top that nobody knows',
			'?name=a',
			'servcies: []\n',
			400,
			'unknown field \\"servcies\\"',
		],
	])('%s', async ([, query, top, status, part]) => {
		const answer = await put('POST', query, top + WRITTEN);
		expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(part)]);
	});

	test('fields of a service that hold no values are kept, and given back as they were written', async () => {
		const kept = {
			ports: ['80:80', { target: 443, published: '8443' }],
			expose: [8080],
			depends_on: { postgres: { condition: 'service_healthy' } },
			networks: ['front'],
			volumes: ['data:/var/lib/data'],
			restart: 'always',
		};
		const made = await put('POST', '?name=with-ports', { services: [{ name: 'web', ...kept }] });
		expect([made.status, made.json]).toMatchObject([
			201,
			{
				services: [{ name: 'web', ...kept }],
				warnings: [
					'"ports", "expose", "depends_on", "networks", "volumes" and 1 more of the service web: kept and ignored',
				],
			},
		]);
		const shown = await api.send('GET', '/api/templates/with-ports', { as: alice });
		expect(shown.json).toMatchObject({ services: [{ name: 'web', ...kept }] });
		const { services } = shown.json as { services: object[] };
		const again = await put('PUT', '?name=with-ports', { services });
		expect([again.status, again.json]).toMatchObject([200, { services }]);
	});

	test('other fields of a service are kept and ignored, with a warning that names them and no value; the owner alone gets them back', async () => {
		const body = `version: "3.8"
x-common: &common
  restart: always
services:
  - <<: *common
    name: web
    ports: ["80:80"]
    environment:
      PASSWORD: test-only-value
    command: serve --password test-only-value
    image: web:1
  - name: worker
    sercets:
      - key: A
networks: {}
`;
		const made = await put('POST', '?name=with-others', body);
		expect(made.status).toBe(201);
		expect((made.json as { warnings: unknown }).warnings).toEqual([
			'"version", "x-common", "networks" of the template: ignored',
			'"restart", "ports", "environment", "command" of the service web: kept and ignored',
			'"sercets" of the service worker: kept and ignored; did you mean "secrets"?',
		]);
		const shown = await api.send('GET', '/api/templates/with-others', { as: alice });
		const free = { name: 'web', image: 'web:1', secrets: [], ports: ['80:80'], restart: 'always' };
		expect((shown.json as { services: unknown }).services).toEqual([
			{
				...free,
				environment: { PASSWORD: 'test-only-value' },
				command: 'serve --password test-only-value',
			},
			{ name: 'worker', image: '', secrets: [], sercets: [{ key: 'A' }] },
		]);
		await api.send('PUT', '/api/templates/with-others', { as: alice, body: { shared: true } });
		const forOthers = await api.send('GET', '/api/templates/with-others', { as: colleague });
		expect((forOthers.json as { services: unknown }).services).toEqual([
			free,
			{ name: 'worker', image: '', secrets: [] },
		]);
		const inList = await api.send('GET', '/api/templates', { as: colleague });
		expect(inList.text).toContain('with-others');
		expect(shown.json).not.toHaveProperty('warnings');
		const { warnings } = made.json as { warnings: readonly string[] };
		expect(warnings.join() + forOthers.text + inList.text + api.output()).not.toContain('test-only-value');
	});

	test('a service keeps 4 KiB of such fields at most', async () => {
		const web = (size: number) => ({ services: [{ name: 'web', restart: 'x'.repeat(size) }] });
		const most = 4096 - JSON.stringify({ restart: '' }).length;
		expect((await put('POST', '?name=long-field', web(most))).json).toMatchObject(web(most));
		const more = await put('PUT', '?name=long-field', web(most + 1));
		expect([more.status, more.json]).toMatchObject([
			200,
			{
				services: [{ name: 'web', image: '', secrets: [] }],
				warnings: ['"restart" of the service web: left out, for together they have more than 4096 bytes'],
			},
		]);
		expect(more.text).not.toContain('xxx');
	});

	test('a field of a secret that nobody knows, such as its value, is refused', async () => {
		const answer = await put('POST', '?name=a', `${WRITTEN}        value: test-only-value\n`);
		expect([answer.status, answer.text]).toEqual([
			400,
			expect.stringContaining('services.0.secrets.1: unknown field'),
		]);
		expect(answer.text).not.toContain('test-only-value');
	});
});

test('warnings are few and short whatever a template holds', () => {
	const services = Array.from({ length: 100 }, (_, i) => ({
		name: `s${i}`,
		...Object.fromEntries(Array.from({ length: 50 }, (_unused, k) => [`${'f'.repeat(200)}${k}`, 1])),
	}));
	const read = readTemplate({ query: { name: 'a' }, body: { services } });
	const warnings = read.ok ? read.value.warnings : [];
	expect(warnings).toHaveLength(21);
	expect(warnings.at(-1)).toBe('80 more services have such fields');
	expect(JSON.stringify(warnings).length).toBeLessThan(12_000);
});

test('whatever is sent is read or refused; other fields of a service stay as they were sent', () => {
	fc.assert(
		fc.property(fc.record({ query: fc.jsonValue(), body: fc.jsonValue() }), (raw) => {
			expect(typeof readTemplate(raw).ok).toBe('boolean');
		}),
	);
	const field = fc.oneof(
		fc.constantFrom('name', 'image', 'secrets', 'ports', '__proto__', 'constructor'),
		fc.string(),
	);
	const service = fc.dictionary(field, fc.constantFrom<unknown>('a', 'b', [], [{ key: 'A' }], {}));
	fc.assert(
		fc.property(fc.array(service, { maxLength: 3 }), (services) => {
			const read = readTemplate({ query: { name: 'a' }, body: { services } });
			if (!read.ok) return;
			for (const [i, one] of read.value.services.entries()) {
				expect(Object.getPrototypeOf(one)).toBe(Object.prototype);
				expect(Object.keys(one)).toEqual(expect.arrayContaining(['image', 'name', 'secrets']));
				const { name: _, image: __, secrets: ___, ...others } = one;
				for (const [field, value] of Object.entries(others)) expect(services[i]?.[field]).toEqual(value);
			}
		}),
	);
});
