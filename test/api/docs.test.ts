/** Runs the examples of docs/api.md in order, in one shell, and compares their output with the page. */
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { marked, type Tokens } from 'marked';
import { expect, test } from 'vitest';
import { makeJwtSigner, serviceAccountClaims } from '../support/jwt.ts';
import { startOpenBao } from '../support/openbao.ts';
import { auditRequests, enableAuth, must, writeRole } from '../support/openbao-setup.ts';
import { onPath, runProcess } from '../support/process.ts';
import { vaultSetup } from '../support/vault-setup.ts';
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
		const pods = ['--type', 'jwt', '--namespace', 'shop', '--account', 'web'];
		await vaultSetup(bao)('role', 'web', ...pods, '--deployment', 'shop');
		const login = async (name: string, namespace: string): Promise<string> => {
			const jwt = signer.sign(serviceAccountClaims(namespace, name));
			const answer = await must(bao, 'POST', 'auth/jwt/login', { body: { role: name, jwt }, token: '' });
			return (answer as { auth: { client_token: string } }).auth.client_token;
		};
		const read = 'secret/data/deployments/shop/secrets/DATABASE_URL';
		const alice = caller('user:alice');
		await using api = await startApi({ env: await vaultEnv(bao), callers: [alice] });

		await api.send('POST', '/api/deployments', { as: alice, body: { name: 'shop', org: 'acme' } });
		const body = { key: 'DATABASE_URL', value: 'canary-of-the-story', deploymentName: 'shop' };
		expect((await api.send('POST', '/api/secrets', { as: alice, body })).status).toBe(201);
		await must(bao, 'GET', read, { token: await login('web', 'shop') });
		// Another account, whose role has no policy of this deployment and names no service account.
		const role = { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['vault'] };
		await writeRole(bao, 'jwt', 'other', { ...role, bound_subject: 'system:serviceaccount:else:other' });
		const stranger = await login('other', 'else');
		const denied = await bao.request('GET', read, { token: stranger });
		expect(denied.status).toBe(403);
		const other = await api.send('GET', '/api/secrets?deployment=other', { as: alice });
		expect(other.status).toBe(403);
		expect((await api.send('GET', '/api/secrets', { as: alice })).status).toBe(200);
		// As a process leaves it that was killed in between.
		const [intent] = api.auditLines().filter(({ phase }) => phase === 'intent');
		const killed = {
			...intent,
			time: new Date().toISOString(),
			requestId: 'killed',
			action: 'secrets.delete',
			key: 'K',
		};

		await writeFile(join(bao.dir, 'api.log'), `${api.output()}${JSON.stringify(killed)}\n`);
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
				who: 'role web of shop/web',
				what: `read ${read}`,
				result: 'done',
			}),
			expect.objectContaining({
				who: 'role other of jwt-system:serviceaccount:else:other',
				what: `read ${read}`,
				result: expect.stringContaining('permission denied'),
			}),
			expect.objectContaining({ who: 'user:alice', what: 'secrets.list ', result: 'done' }),
			expect.objectContaining({ what: 'secrets.delete K', result: 'unknown: the API ended first' }),
		]);
		expect(told.stdout).not.toContain('canary-of-the-story');
	},
);
