/** An upgrade of the API needs its new policy first. With an older one it names the missing lines. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createReadiness } from '../../api/server/readiness.ts';
import { API_POLICY, pathsToCheck, REVEAL_POLICY } from '../../api/store/vault-rights.ts';
import { watchRights } from '../../api/store/watch-rights.ts';
import { revealReadyChecks } from '../../cli/doctor/secrets-api.ts';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { createToken, writePolicy } from '../support/openbao-setup.ts';
import { until } from '../support/until.ts';
import { type ApiUnderTest, startApi } from './support/api.ts';
import { vaultEnv } from './support/both.ts';
import { startWithReveal, type WithReveal } from './support/reveal.ts';
import { shippedPolicy, vaultStore } from './support/stores.ts';

/** The policy of the release before secrets had versions. */
const OLDER = join(import.meta.dirname, 'fixtures/api-policy-before-versions.hcl');
const MISSING = [
	'path "secret/data/orgs/+/secrets/+" { capabilities = ["create", "update", "patch"] }',
	'path "secret/undelete/templates/*" { capabilities = ["update"] }',
	'path "secret/data/registry/access/*" { capabilities = ["read"] }',
];

let bao: OpenBao;
let withReveal: WithReveal;
beforeAll(async () => {
	[bao, withReveal] = await Promise.all([startOpenBao(), startWithReveal()]);
});
afterAll(async () => {
	await bao?.stop();
	await withReveal?.[Symbol.asyncDispose]();
});

function revealPolicy(): Promise<string> {
	return readFile(join(import.meta.dirname, '../../deploy/vault/reveal-policy.hcl'), 'utf8');
}

const missingIn = (api: ApiUnderTest): readonly string[] => {
	const lines = api.output().split('\n');
	const line = lines.find((text) => text.includes('lacks lines'));
	return line === undefined ? [] : (JSON.parse(line) as { missing: string[] }).missing;
};

test('with an older policy the API is not ready, and log and /readyz name the lines; with the new one it becomes ready', async () => {
	const env = await vaultEnv(bao);
	await writePolicy(bao, 'upgraded', await readFile(OLDER, 'utf8'));
	const token = await createToken(bao, ['upgraded']);
	await using api = await startApi({ env: { ...env, ENVTIER_API_VAULT_TOKEN: token } });
	await until('the log to name the lines', () => missingIn(api).length > 0);
	expect(missingIn(api)).toEqual(expect.arrayContaining(MISSING));
	const ready = await api.send('GET', '/readyz');
	expect(ready.status).toBe(503);
	expect(ready.text).toContain('the Vault policy lacks lines: apply the api-policy.hcl of this version');
	for (const line of MISSING) expect(ready.text).toContain(`${line}\n`);
	await writePolicy(bao, 'upgraded', await shippedPolicy());
	await until('the API to be ready', async () => (await api.send('GET', '/readyz')).status === 200);
	expect((await api.send('GET', '/readyz')).text).toBe('ok\n');
	expect(api.output()).toContain('the Vault policy has all lines');
});

test('with the shipped policy the log names none', async () => {
	await using api = await startApi({ env: await vaultEnv(bao) });
	expect(await api.send('GET', '/readyz')).toMatchObject({ status: 200, text: 'ok\n' });
	expect(api.output()).not.toContain('lacks lines');
});

test('an API that was ready stays ready when its policy loses lines, and says so', async () => {
	await writePolicy(bao, 'shrinking', await shippedPolicy());
	const opened = vaultStore(bao, await createToken(bao, ['shrinking']));
	const log = pino({ level: 'silent' });
	const rights = watchRights(opened.store, log, API_POLICY.file, 50);
	try {
		const readiness = createReadiness(opened.store, rights, log);
		expect(await readiness.notReady()).toBeUndefined();
		expect(readiness.note()).toBeUndefined();
		await writePolicy(bao, 'shrinking', await readFile(OLDER, 'utf8'));
		await until('the note', async () => {
			expect(await readiness.notReady()).toBeUndefined();
			return readiness.note() !== undefined;
		});
		for (const line of MISSING) expect(readiness.note()).toContain(line);
	} finally {
		rights.stop();
		opened.close();
	}
});

/** What each row leaves out of the shipped policy of the Reveal program. */
test.each([
	['members', /^path "secret\/data\/registry\/access\/\*" .*$/m, 'path "secret/data/registry/access/*" {'],
	[
		'journals',
		/^path "secret\/metadata\/templates\/_typed\/" .*$/m,
		'path "secret/metadata/templates/_typed/" {',
	],
	['its own rights', /^path "sys\/capabilities-self" .*$/m, 'path "sys/capabilities-self" {'],
])(
	'a Reveal program whose policy lacks the line for %s names it, and becomes ready with it',
	async (_what, line, named) => {
		const name = 'envtier_reveal_secret';
		const shipped = await revealPolicy();
		expect(shipped).toMatch(line);
		await writePolicy(withReveal.bao, name, shipped.replace(line, ''));
		await using reveal = await withReveal.another({});
		await until('the log to name the line', () => missingIn(reveal).length > 0);
		expect(missingIn(reveal)).toEqual([expect.stringContaining(named)]);
		const ready = await reveal.send('GET', '/readyz');
		expect(ready.status).toBe(503);
		expect(ready.text).toContain('the Vault policy lacks lines: apply the reveal-policy.hcl of this version');
		expect(ready.text).toContain(named);
		const [found] = await revealReadyChecks({ ENVTIER_REVEAL_URL: reveal.url }, process.stdin, true);
		expect(found).toMatchObject({
			status: 'fail',
			cure: expect.stringContaining('setup.sh --replace reveal'),
		});
		expect(found?.message).toContain(named);
		await writePolicy(withReveal.bao, name, shipped);
		await until('it to be ready', async () => (await reveal.send('GET', '/readyz')).status === 200);
		expect(await revealReadyChecks({ ENVTIER_REVEAL_URL: reveal.url }, process.stdin, true)).toMatchObject([
			{ id: 'reveal-ready', status: 'ok' },
		]);
	},
);

test('the doctor says that it asks a Reveal program only by its address', async () => {
	expect(await revealReadyChecks({}, process.stdin, false)).toEqual([]);
	expect(await revealReadyChecks({}, process.stdin, true)).toMatchObject([
		{ status: 'skip', message: expect.stringContaining('ENVTIER_REVEAL_URL') },
	]);
	const wrong = { ENVTIER_REVEAL_URL: 'envtier', ENVTIER_API_URL: 'https://envtier.example.com' };
	expect(await revealReadyChecks(wrong, process.stdin, true)).toMatchObject([
		{ status: 'fail', message: expect.stringContaining('ENVTIER_REVEAL_URL must be an address') },
	]);
});

test.each([
	['the API', API_POLICY, shippedPolicy],
	['the Reveal program', REVEAL_POLICY, () => revealPolicy()],
])('each line of the shipped policy of %s is checked', async (_what, policy, shipped) => {
	const lines = [...(await shipped()).matchAll(/^path "([^"]+)"/gm)].map(([, path = '']) => path);
	// The programs do without these, or could not ask without them.
	const optional = /^secret\/detailed-metadata\/|^auth\/token\/|^sys\//;
	const needed = lines.filter((path) => !optional.test(path));
	const example = (path: string): string => path.replace(/[+*]/g, 'envtier-check');
	expect([...pathsToCheck('secret', policy)].sort()).toEqual(needed.map(example).sort());
});
