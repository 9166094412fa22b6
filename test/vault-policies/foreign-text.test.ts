/** What a Vault says reaches the terminal of setup.sh without anything that a terminal obeys. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureBao } from '../support/openbao-binary.ts';
import { runProcess } from '../support/process.ts';
import { makeAuthority } from '../support/tls.ts';

const SCRIPT = join(import.meta.dirname, '../../deploy/vault/setup.sh');
/** Sets the title, clears the screen; C1 codes, of which removing one would make another. */
const EVIL = '\u001b]0;owned\u0007\u001b[2J\u009b31m\revil';
const NESTED = Buffer.concat([Buffer.from([0xc2]), Buffer.from('\u009b'), Buffer.from([0x9b])]);
/** Control characters but for line breaks and tabs. */
const OBEYED = /[^\P{Cc}\n\t]/u;

let server: Server;
let env: NodeJS.ProcessEnv;
/** Answers to paths that begin so; everything else is refused. */
let answers: Readonly<Record<string, object>> = {};
beforeAll(async () => {
	const authority = await makeAuthority('Envtier hostile Vault');
	const { certPem: cert, keyPem: key } = await authority.issue({ names: ['127.0.0.1'] });
	server = createServer({ cert, key }, (request, response) => {
		request.resume();
		const found = Object.entries(answers).find(([path]) => request.url?.startsWith(`/v1/${path}`))?.[1];
		response.writeHead(found === undefined ? 403 : 200, { 'content-type': 'application/json' });
		if (found !== undefined) response.end(JSON.stringify(found));
		else response.end(Buffer.concat([Buffer.from('{"errors":["'), said(), Buffer.from('"]}')]));
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	env = {
		...{ PATH: process.env['PATH'], HOME: '/nonexistent', VAULT_CLI: (await ensureBao()).path },
		...{ VAULT_TOKEN: 'test-token', VAULT_CACERT_BYTES: authority.certPem },
		VAULT_ADDR: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
	};
});
afterAll(() => new Promise((resolve) => server?.close(resolve)));
const said = (): Buffer => Buffer.concat([Buffer.from(JSON.stringify(EVIL).slice(1, -1)), NESTED]);

const WHO = ['--type', 'jwt', '--namespace', 'shop', '--account', 'web'];
const COMMANDS: readonly (readonly [string, Readonly<Record<string, object>>, readonly string[]])[] = [
	['reading a policy', {}, ['role', 'web', ...WHO, '--org', 'acme']],
	['asking for the accessor', {}, ['role', 'web', ...WHO, '--own', 'namespace']],
	['mounting an engine', {}, ['sealing', '--namespace', 'shop']],
	['the type of a mount', { 'sys/mounts/': { data: { type: EVIL } } }, ['sealing', '--namespace', 'shop']],
	[
		'the names of roles',
		{
			'sys/policies/acl/': { data: { policy: EVIL } },
			'sys/auth/': { data: { accessor: 'auth_jwt_1' } },
			'auth/jwt/role?list': { data: { keys: [EVIL] } },
			'auth/jwt/role/': { data: { token_policies: ['envtier-own-account-jwt'] } },
		},
		['role', 'web', ...WHO, '--own', 'account'],
	],
	[
		'a difference',
		{ 'sys/policies/acl/': { data: { policy: EVIL } }, 'auth/jwt/role/': { data: { user_claim: EVIL } } },
		['role', 'web', ...WHO, '--org', 'acme'],
	],
];

describe.each([['sh'], ['busybox', 'sh']])('a Vault whose every text is hostile, under %s', (...shell) => {
	test.each(COMMANDS)('%s: no terminal obeys it', async (_what, given, args) => {
		answers = given;
		const [command = '', ...first] = shell;
		const { code, stdout, stderr } = await runProcess({ command, args: [...first, SCRIPT, ...args], env });
		expect(code).toBe(1);
		expect(stdout).not.toMatch(OBEYED);
		expect(stderr).not.toMatch(OBEYED);
		expect(stderr).toContain('evil');
	});
});
