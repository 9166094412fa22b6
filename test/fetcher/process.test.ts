import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTcpProxy } from '../support/fault-proxy.ts';
import { must, putSecret } from '../support/openbao-setup.ts';
import { scratch } from '../support/scratch.ts';
import { type ScriptedVault, startScriptedVault } from '../support/scripted-vault.ts';
import { makeAuthority } from '../support/tls.ts';
import { type Backend, startReal, vaultEnv } from './support/backends.ts';
import {
	buildFetcher,
	filesBelow,
	makePod,
	type Pod,
	type Run,
	runFetcher,
	runWithDefect,
	startFetcher,
} from './support/fetcher.ts';

/** Values that must be nowhere but in the files asked for. */
const CANARIES = ['canary-a1-7f3c', "canary 'b2'\n7f3c", 'canary-c3-7f3c'] as const;

let fetcher: string;
let vault: Backend;
let pod: Pod;
let jwt: string;

beforeAll(async () => {
	[fetcher, vault] = await Promise.all([buildFetcher(), startReal()]);
	for (const [i, value] of CANARIES.entries()) await putSecret(vault, `orgs/acme/secrets/KEY_${i}`, value);
});
afterAll(async () => {
	await vault[Symbol.asyncDispose]();
});
beforeEach(async () => {
	jwt = vault.jwt({ jti: 'canary-claim-7f3c' });
	pod = await makePod(jwt);
});
afterEach(() => pod.scratch.remove());

const fetch = (env: Readonly<Record<string, string>> = {}): Promise<Run> =>
	runFetcher(fetcher, pod, { ...vaultEnv(vault), ...env });

/** Texts that no output may contain: the values, the token for Vault, and the JWT whole and in parts. */
const forbidden = (): readonly string[] => [
	...CANARIES.flatMap((value) => [value, value.slice(0, 9)]),
	...jwt.split('.').filter((part) => part.length > 50),
	'canary-claim',
];

function expectSilence(run: Pick<Run, 'stdout' | 'stderr' | 'message'>): void {
	const said = run.stdout + run.stderr + run.message;
	for (const secret of forbidden()) expect(said).not.toContain(secret);
	// What OpenBao's tokens look like.
	expect(said).not.toMatch(/\b[sb]\.[A-Za-z0-9]{20,}/);
}

describe('no output contains a value, a token or a JWT', () => {
	test('when all goes well, at the most talkative level; only the files asked for hold values', async () => {
		const run = await fetch({ ENVTIER_LOG_LEVEL: 'trace', ENVTIER_FORMAT: 'shell,dotenv,json,files' });
		expect(run.code).toBe(0);
		expectSilence(run);
		const around = Object.entries(filesBelow(pod.scratch.dir)).filter(([path]) => path !== 'token');
		const holding = around.filter(([, text]) => forbidden().some((secret) => text.includes(secret)));
		expect(holding.map(([path]) => path.replace(/\.\.envtier-[\d-]+/, '..envtier-*')).sort()).toEqual(
			[
				'volume/..envtier-*/KEY_0',
				'volume/..envtier-*/KEY_1',
				'volume/..envtier-*/KEY_2',
				'volume/.env',
				'volume/env',
				'volume/env.json',
				'volume/files/KEY_0',
				'volume/files/KEY_1',
				'volume/files/KEY_2',
			].sort(),
		);
	});

	test.each([
		{ what: 'a refused login', env: { ENVTIER_VAULT_ROLE: 'other' }, code: 21 },
		{ what: 'a refused read', env: { ENVTIER_VAULT_ROLE: 'stranger' }, code: 22 },
		{ what: 'a missing key', env: { ENVTIER_REQUIRE: 'NOT_THERE' }, code: 23 },
		{
			what: 'a value that does not fit',
			env: { ENVTIER_FORMAT: 'none', ENVTIER_ENV_KEYS: 'KEY_1' },
			code: 27,
		},
		{ what: 'a volume that cannot be written', env: { ENVTIER_OUT: '/proc/nowhere' }, code: 26 },
	])('after $what', async ({ env, code }) => {
		const run = await fetch({ ...env, ENVTIER_LOG_LEVEL: 'trace' });
		expect(run.code).toBe(code);
		expectSilence(run);
		expect(run.message).not.toBe('');
	});

	test('after a defect, whatever its error says: exit code 70, the kind of error and places in the code', async () => {
		// A preloaded module puts a defect into the fetcher: one that quotes what it was given.
		const defect = `const fs = process.getBuiltinModule('node:fs');
			fs.writeFileSync = (file, text) => { throw new RangeError('cannot write ' + text, { cause: new Error(text) }); };
			process.getBuiltinModule('node:module').syncBuiltinESMExports();`;
		const run = await runWithDefect(defect, pod, vaultEnv(vault));
		expect(run.code).toBe(70);
		expectSilence(run);
		expect(run.message).toBe('internal: a defect of Envtier (RangeError); please report it with the log');
		expect(run.last?.['places']).toEqual(
			expect.arrayContaining([expect.stringMatching(/^at .*fetcher\/\w+\.ts:\d+:\d+\)?$/)]),
		);
		expect(pod.files()).toEqual({});
	});

	test.each(['uncaughtException', 'unhandledRejection'])('after an %s outside the fetch', async (kind) => {
		const blow = kind === 'uncaughtException' ? 'throw error;' : 'Promise.reject(error);';
		const defect = `const fs = process.getBuiltinModule('node:fs'); const { readFileSync } = fs;
			fs.readFileSync = (file, ...rest) => {
				const text = readFileSync(file, ...rest);
				if (String(file).endsWith('/token')) setImmediate(() => { const error = new TypeError(text); ${blow} });
				return text;
			};
			process.getBuiltinModule('node:module').syncBuiltinESMExports();`;
		const run = await runWithDefect(defect, pod, vaultEnv(vault));
		expect(run.code).toBe(70);
		expectSilence(run);
		expect(run.message).toContain('(TypeError)');
		expect(run.stderr).toBe('');
	});
});

describe('what Vault’s name is given for', () => {
	let recorder: ScriptedVault;
	let recorded: Readonly<Record<string, string>>;
	beforeAll(async () => {
		const authority = await makeAuthority();
		recorder = await startScriptedVault({
			upstream: vault,
			script: () => undefined,
			tls: await authority.issue(),
		});
		recorded = { ENVTIER_VAULT_ADDR: recorder.addr, ENVTIER_VAULT_CA: authority.certPem };
	});
	afterAll(() => recorder[Symbol.asyncDispose]());

	test('nothing but ENVTIER_* is read', async () => {
		const before = recorder.requests.length;
		const foreign = {
			VAULT_ADDR: 'https://127.0.0.1:1',
			VAULT_TOKEN: 'token-of-the-environment',
			VAULT_NAMESPACE: 'namespace-of-the-environment',
			VAULT_PREFIX: '/prefix-of-the-environment',
			VAULT_SKIP_VERIFY: 'true',
			BAO_ADDR: 'https://127.0.0.1:1',
			DEBUG: '*',
		};
		const run = await runFetcher(fetcher, pod, { ...vaultEnv(vault), ...recorded, ...foreign });
		expect({ code: run.code, message: run.message, stderr: run.stderr }).toEqual({
			code: 0,
			message: '',
			stderr: '',
		});
		expectSilence(run);
		const seen = recorder.requests.slice(before);
		// Two tiers are empty, and their own paths are asked for.
		expect(seen).toHaveLength(1 + 3 + 3 + 2 + 1);
		expect(JSON.stringify(seen)).not.toContain('of-the-environment');
		const [login, ...rest] = seen;
		expect(login).toMatchObject({ method: 'POST', path: 'auth/jwt/login' });
		expect(login?.headers).not.toHaveProperty('x-vault-token');
		expect(JSON.parse(login?.body ?? '')).toEqual({ role: 'web', jwt });
		for (const request of rest) expect(request.headers['x-vault-token']).toMatch(/^s\./);
		for (const request of seen)
			expect(request.headers).toMatchObject({ 'x-vault-request': 'true', 'user-agent': 'envtier-fetcher' });
	});
});

test('the token is revoked while the files are written', async () => {
	const authority = await makeAuthority();
	const flag = join(pod.scratch.dir, 'revoked');
	const proxy = await startScriptedVault({
		upstream: vault,
		script: ({ path }) => {
			if (path === 'auth/token/revoke-self') writeFileSync(flag, '');
			return undefined;
		},
		tls: await authority.issue(),
	});
	// No file gets its name until Vault has been asked: were it asked afterwards, this would fail.
	const defect = `const fs = process.getBuiltinModule('node:fs'); const { renameSync } = fs;
		const bell = new Int32Array(new SharedArrayBuffer(4));
		fs.renameSync = (...names) => {
			for (let i = 0; i < 500 && !fs.existsSync(process.env.FLAG); i++) Atomics.wait(bell, 0, 0, 20);
			if (!fs.existsSync(process.env.FLAG)) throw new RangeError('not revoked');
			renameSync(...names);
		};
		process.getBuiltinModule('node:module').syncBuiltinESMExports();`;
	const env = { ENVTIER_VAULT_ADDR: proxy.addr, ENVTIER_VAULT_CA: authority.certPem, FLAG: flag };
	const run = await runWithDefect(defect, pod, { ...vaultEnv(vault), ...env });
	expect([run.code, run.message]).toEqual([0, '']);
	await proxy[Symbol.asyncDispose]();
});

describe('SIGTERM', () => {
	/** Starts a fetcher whose first connection is a black hole from byte `after` on. */
	const stuck = async (after: number, deadline = '60') => {
		const proxy = await startTcpProxy(Number(new URL(vault.addr).port));
		proxy.setFault((number) => (number === 1 ? { kind: 'silent', after } : { kind: 'pass' }));
		const env = {
			...vaultEnv(vault),
			ENVTIER_VAULT_ADDR: `https://127.0.0.1:${proxy.port}`,
			ENVTIER_DEADLINE: deadline,
		};
		const running = await startFetcher(fetcher, pod, env);
		return { proxy, running };
	};

	test.each(['SIGTERM', 'SIGINT'] as const)(
		'ends it at once with a code of its own, nothing written (%s)',
		async (signal) => {
			const { proxy, running } = await stuck(0);
			await running.waitUntil('it connects', () => proxy.connections() > 0);
			const start = performance.now();
			running.signal(signal);
			expect(await running.exited).toEqual({ code: 143, signal: null });
			expect(performance.now() - start).toBeLessThan(1_500);
			expect(pod.files()).toEqual({});
			expect(readFileSync(pod.terminationLog, 'utf8')).toBe(
				`terminated: ${signal} came before the files were complete; nothing was written`,
			);
			await proxy[Symbol.asyncDispose]();
		},
	);

	test('a token is revoked before the process ends', async () => {
		const accessors = async (): Promise<string[]> => {
			const answer = await must(vault, 'GET', 'auth/token/accessors?list=true');
			return (answer as { data: { keys: string[] } }).data.keys.sort();
		};
		const authority = await makeAuthority();
		const before = await accessors();
		// Lists are never answered.
		const proxy = await startScriptedVault({
			upstream: vault,
			script: ({ path }) => (path.includes('metadata') ? { status: 200, body: '{', open: true } : undefined),
			tls: await authority.issue(),
		});
		const env = { ...vaultEnv(vault), ENVTIER_VAULT_ADDR: proxy.addr, ENVTIER_VAULT_CA: authority.certPem };
		const running = await startFetcher(fetcher, pod, env);
		await running.waitUntil('it lists', () => proxy.requests.length === 4);
		expect(await accessors()).toHaveLength(before.length + 1);
		running.signal('SIGTERM');
		expect((await running.exited).code).toBe(143);
		expect(await accessors()).toEqual(before);
		await proxy[Symbol.asyncDispose]();
	});
});

describe('the environment', () => {
	test('settings that are wrong: exit code 20, all of them named', async () => {
		const run = await fetch({ ENVTIER_VAULT_ADDR: 'vault', ENVTIER_DEADLINE: 'soon' });
		expect(run.code).toBe(20);
		expect(run.message).toMatch(
			/^settings: ENVTIER_VAULT_ADDR must be .*; ENVTIER_DEADLINE must be .*\. What to do: look at/,
		);
	});

	test('a malformed CA', async () => {
		const junk = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
		for (const [pem, which] of [
			[junk, 'its PEM block is none'],
			[vault.caPem + junk, 'PEM block 2 of its 2 is none'],
		] as const) {
			const run = await fetch({ ENVTIER_VAULT_CA: pem });
			expect(run.code).toBe(20);
			expect(run.message).toContain(`ENVTIER_VAULT_CA must be PEM text of certificates: ${which}`);
		}
	});

	test.each<readonly [string, (file: string) => void, RegExp]>([
		['not there', (file) => rmSync(file), /^settings: the file that ENVTIER_TOKEN_FILE names does not exist/],
		[
			'empty',
			(file) => writeFileSync(file, ''),
			/^settings: the file that ENVTIER_TOKEN_FILE names holds no service-account token/,
		],
		[
			'something else',
			(file) => writeFileSync(file, 'hunter2-canary'),
			/names holds no service-account token \(a JWT\)/,
		],
	])('a token file that is %s', async (_what, spoil, message) => {
		spoil(pod.tokenFile);
		const run = await fetch();
		expect(run.code).toBe(20);
		expect(run.message).toMatch(message);
		expect(run.stdout + run.message).not.toContain('hunter2');
	});

	test('a token with a newline at its end is a token', async () => {
		writeFileSync(pod.tokenFile, `${jwt}\n`);
		expect((await fetch()).code).toBe(0);
	});

	test('a missing termination log is not created, and one behind a link is not written', async () => {
		const target = join(pod.scratch.dir, 'target');
		const link = join(pod.scratch.dir, 'link');
		writeFileSync(target, 'keep');
		symlinkSync(target, link);
		for (const path of [join(pod.scratch.dir, 'none'), link]) {
			const run = await fetch({ ENVTIER_REQUIRE: 'NOT_THERE', ENVTIER_TERMINATION_LOG: path });
			expect(run.code).toBe(23);
		}
		expect(readFileSync(target, 'utf8')).toBe('keep');
		expect(filesBelow(pod.scratch.dir)).not.toHaveProperty('none');
	});

	test('the termination message is cut to the 4096 bytes that the kubelet keeps, and replaces an earlier one', async () => {
		writeFileSync(pod.terminationLog, 'x'.repeat(10_000));
		const keys = Array.from({ length: 10 }, (_, i) => `KEY_${String(i).repeat(1_000)}`);
		const run = await fetch({ ENVTIER_REQUIRE: keys.join(',') });
		expect(run.code).toBe(23);
		expect(run.message).toMatch(/^required-missing: /);
		expect(Buffer.byteLength(run.message)).toBe(4096);
	});

	test('lines have pino’s shape, and the level is obeyed', async () => {
		const info = await fetch();
		expect(info.log).toEqual([
			expect.objectContaining({ level: 40, name: 'envtier-fetcher', time: expect.any(Number) }),
			{
				level: 30,
				time: expect.any(Number),
				name: 'envtier-fetcher',
				keys: { org: ['KEY_0', 'KEY_1', 'KEY_2'] },
				files: [join(pod.out, 'env')],
				uid: process.getuid?.(),
				writtenAfterMs: expect.any(Number),
				durationMs: expect.any(Number),
				empty: ['deployment', 'service'],
				requests: 10,
				protocol: 'h2',
				msg: 'secrets written',
			},
		]);
		expect((await fetch({ ENVTIER_LOG_LEVEL: 'silent' })).stdout).toBe('');
		const failed = await fetch({ ENVTIER_LOG_LEVEL: 'error', ENVTIER_REQUIRE: 'NOT_THERE' });
		expect(failed.log).toMatchObject([{ level: 50, reason: 'required-missing' }]);
	});

	test('a log without a reader does not stop the pod', () => {
		const env = { ...pod.env, ...vaultEnv(vault), PATH: process.env['PATH'] ?? '' };
		const script = 'exec 3>&1; ("$0" ; echo $? >&3) | true';
		const code = execFileSync('sh', ['-c', script, fetcher], { env, encoding: 'utf8' });
		expect(code).toBe('0\n');
		expect(Object.keys(pod.files())).toEqual(['env']);
	});

	test('the executable stands alone: it needs nothing beside it, and no HTTP client of another package is in it', async () => {
		const place = await scratch('alone');
		const file = join(place.dir, 'fetcher');
		copyFileSync(fetcher, file);
		expect((await runFetcher(file, pod, vaultEnv(vault), { cwd: place.dir })).code).toBe(0);
		expect(readFileSync(fetcher).includes('AxiosError')).toBe(false);
		await place.remove();
	});
});

describe.runIf(process.getuid?.() === 0)('a DNS server that never answers', () => {
	/** Runs the fetcher with a resolver of its own, in namespaces that vanish with it. */
	const run = (deadline: string, then: string): { readonly code: number; readonly ms: number } => {
		writeFileSync(
			join(pod.scratch.dir, 'resolv.conf'),
			'nameserver 127.0.0.53\noptions timeout:5 attempts:3\n',
		);
		const sink = `require('node:dgram').createSocket('udp4').bind(53, '127.0.0.53', () => require('node:fs').writeFileSync(process.env.DIR + '/sink', ''))`;
		const script = `mount --bind "$DIR/resolv.conf" /etc/resolv.conf; ip link set lo up; "$NODE" -e "$SINK" & sink=$!;
			until test -e "$DIR/sink"; do sleep 0.05; done;
			start=$(date +%s%N); "$FETCHER" > "$DIR/log" & fetcher=$!; ${then} wait $fetcher; code=$?;
			end=$(date +%s%N); kill $sink; echo $code $(( (end - start) / 1000000 ))`;
		const env = {
			...{ ...pod.env, ...vaultEnv(vault), ENVTIER_VAULT_ADDR: 'https://vault.example.test:8200' },
			...{ ENVTIER_DEADLINE: deadline, DIR: pod.scratch.dir, SINK: sink },
			...{ NODE: process.execPath, FETCHER: fetcher, PATH: process.env['PATH'] ?? '' },
		};
		const args = ['--mount', '--net', '--propagation', 'private', 'bash', '--norc', '-c', script];
		const [code, ms] = execFileSync('unshare', args, { env, encoding: 'utf8' }).trim().split(' ').map(Number);
		return { code: code ?? -1, ms: ms ?? -1 };
	};

	test('the deadline holds, although the resolver’s threads are busy', () => {
		const { code, ms } = run('2', '');
		expect(code).toBe(24);
		expect(ms).toBeGreaterThan(1_900);
		expect(ms).toBeLessThan(5_000);
		expect(readFileSync(pod.terminationLog, 'utf8')).toMatch(
			/DNS gave no address for its name "[\w.]+" within \d+ ms; given up/,
		);
	}, 60_000);

	test('SIGTERM ends it at once', () => {
		const { code, ms } = run(
			'6',
			'until grep -q "DNS gave no address" "$DIR/log"; do sleep 0.1; done; kill $fetcher;',
		);
		expect(code).toBe(143);
		expect(ms).toBeLessThan(8_000);
	}, 60_000);
});
