/** The command's messages when the API refuses a caller, or is not a secrets API: cause and cure. */
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { whyRefused } from '../../cli/remote/refused-token.ts';
import { type ApiUnderTest, caller, startApi } from '../api/support/api.ts';
import { type Issuer, startIssuer } from '../api/support/issuer.ts';
import { startApiProcess } from '../api/support/process.ts';
import { makeAuthority } from '../support/tls.ts';
import { envtier } from './support/command.ts';

const alice = caller('user:alice');
const ENDED = 1_767_323_045; // 2026-01-02T03:04:05Z
let issuer: Issuer;
let api: ApiUnderTest;
beforeAll(async () => {
	issuer = await startIssuer();
	api = await startApi({
		callers: [alice],
		env: {
			ENVTIER_API_OIDC_ISSUER: issuer.url,
			ENVTIER_API_OIDC_CA: issuer.caPem,
			ENVTIER_API_FAILED_LOGINS_PER_MINUTE: '1000',
		},
	});
});
afterAll(async () => {
	await api?.[Symbol.asyncDispose]();
	await issuer?.[Symbol.asyncDispose]();
});

const run = (args: readonly string[], env: Readonly<Record<string, string>>) =>
	envtier(args, { env: { ENVTIER_API_URL: api.url, ...env } });
const claims = { sub: 'alice', org: 'acme', scope: 'secrets:read secrets:write' };

describe('a token that is refused', () => {
	const CASES: [string, () => Promise<string>, readonly string[]][] = [
		[
			'that has ended: the time',
			() => issuer.session({ ...claims, exp: ENDED }),
			['ended at 2026-01-02T03:04:05Z', 'get a new one'],
		],
		[
			'for another audience: that audience, and the right one',
			() => issuer.session({ ...claims, aud: 'https://kubernetes.default.svc' }),
			['is for the audience "https://kubernetes.default.svc"', 'takes tokens for "envtier-api"'],
		],
		['for no audience', () => issuer.session({ ...claims, aud: undefined }), ['is for no audience']],
		[
			'of another issuer',
			() => issuer.session({ ...claims, iss: 'https://other.example' }),
			['for the audience "envtier-api" and has not ended', 'does not know its issuer'],
		],
		[
			'that is not valid yet',
			() => issuer.session({ ...claims, nbf: 4_102_444_800, exp: 4_102_444_900 }),
			['not valid before 2100-01-01T00:00:00Z'],
		],
		[
			'that is an unknown key',
			() => Promise.resolve(caller('user:eve').key),
			['the API key in', 'has ended, was deleted'],
		],
		['that is nothing known', () => Promise.resolve('s.nothing'), ['neither an API key nor a JWT']],
	];

	test.each(CASES)('%s', async (_what, make, sentences) => {
		const token = await make();
		const { code, stdout, stderr } = await run(['secrets', 'list'], { ENVTIER_API_TOKEN: token });
		expect([code, stdout]).toEqual([5, '']);
		for (const sentence of [...sentences, 'ENVTIER_API_TOKEN']) expect(stderr).toContain(sentence);
		for (const part of token.split('.').filter((one) => one.length > 4 && one !== 'nothing'))
			expect(stderr).not.toContain(part);
	});

	test('the variable that it came from is named', async () => {
		await using dir = await mkdtempDisposable(join(tmpdir(), 'envtier-token-'));
		const file = join(dir.path, 'token');
		await writeFile(file, await issuer.session({ ...claims, exp: ENDED }));
		const { stderr } = await run(['secrets', 'list'], { ENVTIER_API_TOKEN_FILE: file });
		expect(stderr).toContain('the token in ENVTIER_API_TOKEN_FILE ended at');
	});

	test('whatever stands in it, it is never repeated, and the sentence is short', () => {
		const claim = fc.oneof(
			fc.jsonValue(),
			fc.double(),
			fc.string({ minLength: 30, maxLength: 5_000 }),
			fc.array(fc.string()),
		);
		const payload = fc.record({
			exp: claim,
			nbf: claim,
			aud: claim,
			sub: fc.constant('canary-of-the-subject'),
		});
		const token = fc.oneof(
			payload.map((body) => `e30.${Buffer.from(JSON.stringify(body)).toString('base64url')}.c2ln`),
			fc.string({ unit: 'binary' }),
		);
		fc.assert(
			fc.property(token, (text) => {
				const sentence = whyRefused(text, 'ENVTIER_API_TOKEN', new Date());
				expect(sentence.length).toBeLessThan(2_500);
				expect(sentence).not.toContain('canary-of-the-subject');
				if (text.length > 40) expect(sentence).not.toContain(text);
			}),
		);
	});
});

test.each([
	['list', ['secrets', 'list', '-d', 'shopp']],
	['create', ['secrets', 'create', 'A', '-d', 'shopp', '--value-stdin']],
	['set', ['secrets', 'set', 'A', '-d', 'shopp', '--value-stdin']],
	['delete', ['secrets', 'delete', 'A', '-d', 'shopp', '--yes']],
])('a deployment that is not registered: %s says how to register one', async (_what, args) => {
	const { code, stderr } = await envtier(args, {
		input: 'v',
		env: { ENVTIER_API_URL: api.url, ENVTIER_API_TOKEN: alice.key, ENVTIER_API_ORG: 'acme' },
	});
	expect([code, stderr]).toEqual([
		5,
		'error: there is no such deployment, or it is not yours: `envtier deployments create shopp --org acme` registers one that nobody has yet\n',
	]);
});

test('a certificate that is not trusted: the variable that is unset, or wrong', async () => {
	await using served = await startApiProcess({ ENVTIER_API_STORE: 'memory' }, [alice]);
	const other = await makeAuthority('Another CA');
	const with_ = (env: Readonly<Record<string, string>>) =>
		envtier(['secrets', 'list'], {
			env: { ENVTIER_API_URL: served.url, ENVTIER_API_TOKEN: alice.key, ...env },
		});
	const unset = await with_({});
	expect([unset.code, unset.stderr]).toEqual([8, expect.stringContaining('ENVTIER_API_CA is not set')]);
	const wrong = await with_({ ENVTIER_API_CA: other.certPem });
	expect([wrong.code, wrong.stderr]).toEqual([
		8,
		expect.stringContaining('the CA in ENVTIER_API_CA did not sign it'),
	]);
	expect(wrong.stderr).not.toContain('is not set');
});

test('an address that is none: an example of the API, not of Vault', async () => {
	const { code, stderr } = await run(['secrets', 'list'], {
		ENVTIER_API_URL: 'envtier',
		ENVTIER_API_TOKEN: 'k',
	});
	expect([code, stderr]).toEqual([
		2,
		'error: ENVTIER_API_URL must be an address such as https://envtier.example.com, without a path\n',
	]);
});
