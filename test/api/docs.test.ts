/** Runs the examples of docs/api.md, top to bottom in one shell, and compares what they print with what the page says. */
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { marked, type Tokens } from 'marked';
import { expect, test } from 'vitest';
import { makeJwtSigner, serviceAccountClaims } from '../support/jwt.ts';
import { startOpenBao } from '../support/openbao.ts';
import { auditRequests, enableAuth, must, writePolicy, writeRole } from '../support/openbao-setup.ts';
import { onPath, runProcess } from '../support/process.ts';
import { caller, startApi } from './support/api.ts';
import { vaultEnv } from './support/both.ts';
import { startApiProcess } from './support/process.ts';

const PAGE = join(import.meta.dirname, '../../docs/api.md');
const BETWEEN = '---- next example ----';

interface Example {
	readonly script: string;
	/** JSON that the page shows below it. */
	readonly printed: unknown;
}

async function examples(): Promise<readonly Example[]> {
	const blocks = marked
		.lexer(await readFile(PAGE, 'utf8'))
		.filter(
			(token): token is Tokens.Code => token.type === 'code' && ['sh', 'json'].includes(token.lang ?? ''),
		);
	return blocks.flatMap((block, i) =>
		block.lang === 'sh' ? [{ script: block.text, printed: JSON.parse(blocks[i + 1]?.text ?? 'null') }] : [],
	);
}

test.skipIf(onPath('jq') === undefined || onPath('curl') === undefined)(
	'the examples of docs/api.md print what the page says (needs curl and jq)',
	{ timeout: 120_000 },
	async () => {
		const wanted = await examples();
		expect(wanted.length).toBeGreaterThan(8);
		await using bao = await startOpenBao();
		const alice = caller('user:alice');
		await using api = await startApiProcess(await vaultEnv(bao), [alice]);
		const script = wanted.map((example) => `${example.script}\necho; echo '${BETWEEN}'`).join('\n');
		const ran = await runProcess({
			command: 'bash',
			args: ['--norc', '--noprofile', '-euo', 'pipefail', '-c', script],
			cwd: api.dir,
			env: { PATH: process.env['PATH'], API: api.url, CA: api.caFile, KEY: alice.key },
		});
		expect(ran.stderr).toBe('');
		expect(ran.code).toBe(0);
		const printed = ran.stdout.split(BETWEEN).slice(0, -1);
		expect(printed.map((text) => JSON.parse(text) as unknown)).toEqual(
			wanted.map((example) => example.printed),
		);
	},
);

test.skipIf(onPath('jq') === undefined)(
	'what docs/api.md has of both audit logs tells who changed and who read the secrets of a deployment (needs jq)',
	{ timeout: 120_000 },
	async () => {
		const page = marked.lexer(await readFile(PAGE, 'utf8'));
		const story = page.find((token): token is Tokens.Code => token.type === 'code' && token.lang === 'bash');
		await using bao = await startOpenBao();
		await auditRequests(bao);
		const signer = makeJwtSigner();
		await enableAuth(bao, 'jwt', { config: { jwt_validation_pubkeys: [signer.publicKeyPem] } });
		await writePolicy(bao, 'shop', 'path "secret/data/deployments/shop/*" { capabilities = ["read"] }');
		const bound = { bound_audiences: ['vault'], bound_subject: 'system:serviceaccount:shop:web' };
		await writeRole(bao, 'jwt', 'web', {
			role_type: 'jwt',
			user_claim: 'sub',
			token_policies: ['shop'],
			...bound,
		});
		const alice = caller('user:alice');
		await using api = await startApi({ env: await vaultEnv(bao), callers: [alice] });

		await api.send('POST', '/api/deployments', { as: alice, body: { name: 'shop', org: 'acme' } });
		const body = { key: 'DATABASE_URL', value: 'canary-of-the-story', deploymentName: 'shop' };
		expect((await api.send('POST', '/api/secrets', { as: alice, body })).status).toBe(201);
		const jwt = signer.sign(serviceAccountClaims('shop', 'web'));
		const login = await must(bao, 'POST', 'auth/jwt/login', { body: { role: 'web', jwt }, token: '' });
		const { client_token: token } = (login as { auth: { client_token: string } }).auth;
		await must(bao, 'GET', 'secret/data/deployments/shop/secrets/DATABASE_URL', { token });
		const deleted = await api.send('GET', '/api/secrets?deployment=other', { as: alice });
		expect(deleted.status).toBe(403);

		await writeFile(join(bao.dir, 'api.log'), api.output());
		await copyFile(join(bao.dir, 'audit.log'), join(bao.dir, 'vault-audit.log'));
		const told = await runProcess({
			command: 'bash',
			args: ['--norc', '--noprofile', '-euc', story?.text ?? ''],
			cwd: bao.dir,
		});
		expect([told.code, told.stderr]).toEqual([0, '']);
		const lines = told.stdout.trim().split('\n');
		expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
			expect.objectContaining({ who: 'user:alice', what: 'deployments.create ', result: 'done' }),
			expect.objectContaining({ who: 'user:alice', what: 'secrets.create DATABASE_URL', result: 'done' }),
			expect.objectContaining({
				who: 'role web',
				what: 'read secret/data/deployments/shop/secrets/DATABASE_URL',
				result: 'done',
			}),
		]);
		expect(told.stdout).not.toContain('canary-of-the-story');
	},
);
