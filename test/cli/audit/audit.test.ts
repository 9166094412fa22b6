/** `envtier audit` on a real API with an audit store. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiUnderTest, type Caller, caller, startApi } from '../../api/support/api.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { envtier } from '../support/command.ts';

const owner = caller('user:owner', { roles: [] });
const platform = caller('user:platform', { roles: ['platform_admin'], org: undefined });
let place: Scratch;
let api: ApiUnderTest;

beforeAll(async () => {
	place = await scratch('cli-audit');
	const env = { ENVTIER_API_AUDIT_STORE: `sqlite:${place.dir}/audit.db` };
	api = await startApi({ callers: [owner, platform], env });
	await api.send('POST', '/api/deployments', { as: owner, body: { name: 'shop', org: 'acme' } });
	for (const key of ['A', 'B'])
		await api.send('POST', '/api/secrets', { as: owner, body: { key, value: 'v', deploymentName: 'shop' } });
	await until('the entries', async () =>
		(await run(['--deployment', 'shop', '-o', 'json'])).stdout.includes('"key": "B"'),
	);
});
afterAll(async () => {
	await api?.[Symbol.asyncDispose]();
	await place?.[Symbol.asyncDispose]();
});

const run = (args: readonly string[], as: Caller = owner, input = '') =>
	envtier(['audit', ...args], { env: { ENVTIER_API_URL: api.url, ENVTIER_API_TOKEN: as.key }, input });

test('a table has a row for each event, with its result', async () => {
	const { code, stdout } = await run(['--deployment', 'shop', '--since', '1h', '--action', 'secrets.create']);
	expect(code).toBe(0);
	expect(stdout.split('\n').filter((line) => line.includes('secrets.create'))).toEqual([
		expect.stringMatching(/user:owner +secrets\.create +deployments\/shop\/secrets +A +done \(201\)$/),
		expect.stringMatching(/user:owner +secrets\.create +deployments\/shop\/secrets +B +done \(201\)$/),
	]);
});

test('one key alone', async () => {
	const { code, stdout } = await run(['--deployment', 'shop', '--key', 'B', '-o', 'json']);
	expect(code).toBe(0);
	const keys = (JSON.parse(stdout) as readonly { readonly key: string }[]).map(({ key }) => key);
	expect(keys).toEqual(['B', 'B']);
	expect(await run(['--key', ''])).toMatchObject({
		code: 2,
		stderr: expect.stringContaining('--key must not be empty'),
	});
});

test('CSV goes to a file of its owner alone, which appears when it is whole', async () => {
	const file = join(place.dir, 'out.csv');
	const { code } = await run(['--deployment', 'shop', '--csv', '--output-file', file]);
	expect(code).toBe(0);
	expect((await stat(file)).mode & 0o777).toBe(0o600);
	const rows = (await readFile(file, 'utf8')).split('\r\n');
	expect(rows[0]).toMatch(/^"time","phase","result"/);
	expect(rows.filter((row) => row.includes('"secrets.create"'))).toHaveLength(4);
	const refused = await run(['--deployment', 'other', '--csv', '--output-file', join(place.dir, 'none.csv')]);
	expect(refused.code).toBe(5);
	expect((await readdir(place.dir)).filter((name) => name.includes('none.csv'))).toEqual([]);
	const nowhere = await run(['--csv', '--output-file', join(place.dir, 'absent', 'x.csv')]);
	expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringContaining('ENOENT') });
});

test('the limit is told when there is more', async () => {
	const { code, stdout, stderr } = await run(['--deployment', 'shop', '--limit', '2', '-o', 'json']);
	expect(code).toBe(0);
	expect(JSON.parse(stdout)).toHaveLength(2);
	expect(stderr).toContain('only the first 2 entries');
});

test('the reads of pods in Vault’s log stand between the entries of the API', async () => {
	const line = (fields: object, request: object) =>
		JSON.stringify({
			...{ time: new Date().toISOString(), type: 'response' },
			request: { operation: 'read', path: 'secret/data/deployments/shop/secrets/A', ...request },
			...fields,
		});
	const pod = { role: 'web', service_account_namespace: 'shop', service_account_name: 'web' };
	const log = join(place.dir, 'vault.log');
	await writeFile(
		log,
		[
			line({ auth: { metadata: pod } }, {}),
			line(
				{ auth: { display_name: 'root' }, error: 'permission denied' },
				{ path: 'kv/deployments/shop/secrets/B' },
			),
			line({ type: 'request' }, {}),
			line({}, { operation: 'list' }),
			line({}, { path: 'secret/metadata/deployments/shop/secrets/A' }),
			line({}, { path: 'secret/data/deployments/shop-2/secrets/A' }),
			line({ time: '2001-01-01T00:00:00Z' }, {}),
			'{"type":"response","request":{"path":"secret/data/deployments/shop',
		].join('\n'),
	);
	const { code, stdout } = await run(['--deployment', 'shop', '--since', '1h', '--vault-log', log]);
	expect(code).toBe(0);
	const rows = stdout.split('\n').filter((row) => / read +/.test(row));
	expect(rows).toEqual([
		expect.stringMatching(/pod of shop\/web \(role web\) +read +deployments\/shop\/secrets +A +done$/),
		expect.stringMatching(/root +read +deployments\/shop\/secrets +B +permission denied$/),
	]);
	const other = await run(['--deployment', 'shop', '--key', 'NEVER', '--vault-log', log, '-o', 'json']);
	expect(JSON.parse(other.stdout)).toEqual({ api: [], vault: [] });
	const absent = await run(['--vault-log', join(place.dir, 'none.log'), '--deployment', 'shop']);
	expect(absent).toMatchObject({
		code: 2,
		stderr: expect.stringContaining('none.log cannot be read: ENOENT'),
	});
});

test('a load takes the audit lines of a log, each once, and leaves out the rest', async () => {
	const line = (sequence: number) => ({
		...{
			type: 'audit',
			phase: 'result',
			time: '2026-05-04T10:00:00.000Z',
			actor: 'user:alice',
			via: 'session',
		},
		...{ action: 'secrets.create', eventId: 'e', scope: 'users/1/secrets', key: 'A', requestId: 'r' },
		...{ ip: '::1', replica: 'pod/x', sequence, result: 'done', status: 201 },
	});
	const lines = Array.from({ length: 1201 }, (_, i) => JSON.stringify(line(i + 1)));
	const old = JSON.stringify({ ...line(1), eventId: undefined, replica: undefined });
	const log = [...lines, '{"level":30,"msg":"audit"}', '{"type":"audit","phase":"inte', old].join('\n');
	const first = await run(['--load', '-'], platform, log);
	expect(first).toMatchObject({ code: 0, stdout: 'loaded 1201 lines; 0 were there\n' });
	expect(first.stderr).toContain('1 audit lines of an earlier version');
	const file = join(place.dir, 'api.log');
	await writeFile(file, log);
	expect(await run(['--load', file], platform)).toMatchObject({
		...{ code: 0, stdout: 'loaded 0 lines; 1201 were there\n' },
	});
	expect(await run(['--load', file])).toMatchObject({ code: 5, stdout: 'loaded 0 lines; 0 were there\n' });
	expect(await run(['--load', place.dir], platform)).toMatchObject({
		...{ code: 2, stderr: expect.stringContaining('EISDIR') },
	});
});

test.each<[string, readonly string[], string]>([
	['a time without a zone', ['--since', '2026-01-01T00:00:00'], '--since must be a duration'],
	['a range that is backwards', ['--since', '1h', '--until', '2h'], '--since must be before --until'],
	['a name that is none', ['--deployment', '../x'], '--deployment must be the name'],
	['both forms of output', ['--csv', '--vault-log', 'x'], 'set either --csv or --vault-log'],
	['a limit that is no number', ['--limit', '0'], 'must be a number'],
])('%s is wrong usage', async (_what, args, message) => {
	expect(await run(args)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
});
