import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTcpProxy, type TcpFault, type TcpProxy } from '../support/fault-proxy.ts';
import { call } from '../support/http.ts';
import { putSecret } from '../support/openbao-setup.ts';
import { json, type Script, type ScriptedAnswer, startScriptedVault } from '../support/scripted-vault.ts';
import { type Authority, makeAuthority } from '../support/tls.ts';
import { type Backend, startReal, vaultEnv } from './support/backends.ts';
import { buildFetcher, makePod, type Run, runFetcher, startFetcher } from './support/fetcher.ts';

const VALUE = 'only-in-vault-4711';
/** The deadline of a run that must fail; of one that must heal it is ten times that. */
const SECONDS = 4;

let bundle: Awaited<ReturnType<typeof buildFetcher>>;
let vault: Backend;
let authority: Authority;

beforeAll(async () => {
	[bundle, vault, authority] = await Promise.all([buildFetcher(), startReal(), makeAuthority()]);
	for (const folder of ['orgs/acme/secrets', 'deployments/shop/secrets'])
		for (const key of ['A', 'B']) await putSecret(vault, `${folder}/${key}`, VALUE);
});
afterAll(async () => {
	await vault[Symbol.asyncDispose]();
	await bundle.remove();
});

/** What a fault must lead to. */
interface Expected {
	/** 0: it healed, and everything was written. */
	readonly code: number;
	/** Matches the last words. */
	readonly words?: RegExp;
	/** Whether the request that met the fault was made again. */
	readonly retried: boolean;
}

interface Observed {
	readonly run: Run;
	/** How often the faulty request, or connection, was made. */
	readonly tries: number;
}

/** Where the fetcher of one case goes, and how often it went. */
interface Place extends AsyncDisposable {
	readonly env: Readonly<Record<string, string>>;
	tries(): number;
}

async function observe(place: Place): Promise<Observed> {
	const jwt = vault.jwt();
	const pod = await makePod(jwt);
	const env = { ...vaultEnv(vault), ENVTIER_DEADLINE: String(SECONDS), ...place.env };
	const run = await runFetcher(bundle.file, pod, env);
	await place[Symbol.asyncDispose]();
	const files = pod.files();
	if (run.code === 0) expect(files['env']).toBe(`export A='${VALUE}'\nexport B='${VALUE}'\n`);
	else expect(files).toEqual({});
	const said = `${run.stdout}${run.stderr}${run.words}`;
	for (const secret of [VALUE, jwt, jwt.split('.')[2] ?? jwt]) expect(said).not.toContain(secret);
	expect(said).not.toMatch(/\b[sb]\.[A-Za-z0-9]{20,}/);
	await pod.scratch.remove();
	return { run, tries: place.tries() };
}

function check({ run, tries }: Observed, { code, words, retried }: Expected): void {
	expect({ code: run.code, words: run.words, stderr: run.stderr }).toEqual({
		code,
		words: code === 0 ? '' : expect.stringMatching(words ?? /^$/),
		stderr: '',
	});
	expect(tries > 1).toBe(retried);
	// The process itself takes a while to start, on a busy machine a second.
	expect(run.ms).toBeLessThan((SECONDS + 1) * 1000 + 1_000);
}

/** Answers by a script in front of the real server; `tries` counts how often it answered the same request. */
async function scripted(script: Script, options: { readonly http1Only?: boolean } = {}): Promise<Place> {
	const tries = new Map<string, number>();
	const counting: Script = (request) => {
		const answer = script(request);
		if (answer !== undefined) tries.set(request.path, (tries.get(request.path) ?? 0) + 1);
		return answer;
	};
	const proxy = await startScriptedVault({
		...options,
		upstream: vault,
		script: counting,
		tls: await authority.issue(),
	});
	return {
		env: { ENVTIER_VAULT_ADDR: proxy.addr, ENVTIER_VAULT_CA: authority.certPem },
		tries: () => Math.max(0, ...tries.values()),
		[Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
	};
}

/** Where in the fetch an answer is replaced. */
const STAGES = {
	login: (path: string) => path.startsWith('auth/jwt/login'),
	list: (path: string) => path.startsWith('secret/metadata/orgs'),
	read: (path: string) => path.startsWith('secret/data/deployments'),
	/** Everything from the first list on. */
	after: (path: string) => !path.startsWith('auth/jwt/login'),
} as const;

const HTML = { 'content-type': 'text/html' };
const OTHER_HOST = 'https://evil.example:8200/v1/auth/jwt/login';
const BIG = Buffer.alloc(1 << 20, 0x61);

type Answers = readonly (readonly [
	what: string,
	answer: ScriptedAnswer,
	expected: Readonly<Partial<Record<keyof typeof STAGES | 'any', Expected>>>,
])[];

const stays = (code: number, words: RegExp): Expected => ({ code, words, retried: false });
const heals = (code: number, words: RegExp): Expected => ({ code, words, retried: true });

/** Given for as long as the fetcher asks. `any` stands for all stages. */
const ANSWERS: Answers = [
	[
		'400',
		json(400, { errors: ['missing something'] }),
		{
			login: stays(21, /^login-refused: Vault does not say why; .*\(Vault: 400 missing something\)/),
			list: stays(28, /^bad-answer: .*"secret\/metadata\/orgs\/acme\/secrets" with 400: missing something/),
			read: stays(28, /^bad-answer: .*"secret\/data\/deployments\/shop\/secrets\/[AB]" with 400/),
		},
	],
	[
		'403',
		json(403, { errors: ['1 error occurred:\n\t* permission denied\n\n'] }),
		{
			login: stays(21, /^login-refused: Vault does not say why; .*\(Vault: 403 permission denied\)/),
			list: stays(22, /^read-refused: .*the org tier .*"secret\/metadata\/orgs\/acme\/secrets\/"/),
			read: stays(22, /^read-refused: .*the deployment tier.*secret\/data\/deployments\/shop\/secrets\/\+/),
		},
	],
	[
		'403 to everything, as for a token that was revoked',
		json(403, { errors: ['permission denied'] }),
		{
			after: stays(
				22,
				/^read-refused: .*Vault does not know the token any more .*; if it does, a policy of the role/,
			),
		},
	],
	[
		'404 with no errors, which means "nothing there"',
		json(404, { errors: [] }),
		{ login: stays(21, /^login-refused: /), list: { code: 0, retried: false } },
	],
	[
		'404 from something that is not Vault',
		{ status: 404, headers: HTML, body: '<html>not found</html>' },
		{ any: stays(28, /^bad-answer: .* with 404 and text\/html instead of JSON: is it Vault/) },
	],
	[
		'405',
		json(405, { errors: ['unsupported operation'] }),
		{ list: stays(28, /with 405: unsupported operation/) },
	],
	...[301, 302, 307, 308].map(
		(status) =>
			[
				`a redirect (${status})`,
				{ status, headers: { location: OTHER_HOST }, body: '' },
				{
					any: stays(
						28,
						new RegExp(`a redirect \\(${status}\\) to https://evil.example:8200; Envtier follows none`),
					),
				},
			] as const,
	),
	['412', json(412, { errors: [] }), { any: heals(24, /has not caught up with its cluster yet \(412\)/) }],
	[
		'429',
		json(429, { errors: ['rate limit'] }),
		{ any: heals(24, /asks for fewer requests \(429: rate limit\)/) },
	],
	['472', json(472, {}), { list: heals(24, /standby of a disaster-recovery pair \(472\)/) }],
	['473', json(473, {}), { list: heals(24, /is a standby \(473\)/) }],
	[
		'500',
		json(500, { errors: ['internal error'] }),
		{ any: heals(24, /has an error \(500: internal error\)/) },
	],
	[
		'502 from a load balancer',
		{ status: 502, headers: HTML, body: '<h1>' },
		{ any: heals(24, /has an error \(502\)/) },
	],
	['503', { status: 503, body: '' }, { any: heals(24, /has an error \(503\)/) }],
	[
		'503, sealed',
		json(503, { errors: ['Vault is sealed'] }),
		{ any: heals(25, /^sealed: .*is sealed or not init/) },
	],
	['504', { status: 504, body: 'upstream' }, { any: heals(24, /has an error \(504\)/) }],
	[
		'HTML instead of JSON',
		{ status: 200, headers: HTML, body: '<html>Please log in to the WiFi</html>' },
		{
			any: stays(
				28,
				/^bad-answer: .* with 200 and text\/html instead of JSON: is it Vault that answers there/,
			),
		},
	],
	[
		'JSON that is cut off',
		{ status: 200, headers: { 'content-type': 'application/json' }, body: '{"data":{"keys":["A"' },
		{ any: heals(28, /^bad-answer: .*JSON that is cut off or malformed/) },
	],
	[
		'bytes that are no UTF-8',
		{ status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from([0x22, 0xff, 0x22]) },
		{ list: heals(28, /JSON that is cut off or malformed/) },
	],
	[
		'JSON of another shape',
		json(200, { data: { keys: 'A' } }),
		{
			login: stays(28, /^bad-answer: .* answers "auth\/jwt\/login" without a token/),
			list: stays(28, /^bad-answer: .* answers "secret\/metadata\/orgs\/acme\/secrets" with 200/),
		},
	],
	['JSON that is no object', json(200, ['A']), { any: heals(28, /JSON that is cut off or malformed/) }],
	[
		'a body of 100 MiB',
		{ status: 200, headers: { 'content-type': 'application/json' }, body: BIG, repeat: 100 },
		{ any: stays(28, /^bad-answer: .*an answer is larger than 8 MiB/) },
	],
	[
		'a body that never ends',
		{ status: 200, headers: { 'content-type': 'application/json' }, body: '{', open: true },
		{ any: heals(24, /^unreachable: .*no complete answer within/) },
	],
];

describe.each(ANSWERS)('%s', (_what, answer, expected) => {
	const stages = Object.keys(STAGES) as (keyof typeof STAGES)[];
	for (const stage of stages) {
		const wanted = expected[stage] ?? (stage === 'after' ? undefined : expected.any);
		if (wanted === undefined) continue;
		test.concurrent(`at the ${stage}: exit code ${wanted.code}, ${wanted.retried ? '' : 'not '}retried`, async () => {
			// A tier found empty makes for other files: see end-to-end.test.ts.
			const only = wanted.code === 0 ? { ENVTIER_TIERS: 'org,deployment' } : {};
			const place = await scripted(({ path }) => (STAGES[stage](path) ? answer : undefined));
			check(await observe({ ...place, env: { ...place.env, ...only } }), wanted);
		});
	}
});

describe('over HTTP/1.1', () => {
	const raw = (text: string): ScriptedAnswer => ({ status: 0, raw: text });
	const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';
	test.concurrent.each<readonly [string, ScriptedAnswer, Expected]>([
		[
			'a content-length beyond the body',
			raw(`${head}content-length: 999\r\n\r\n{"data":`),
			heals(24, /reset \(ECONNRESET\)/),
		],
		[
			'a content-length short of the body',
			raw(`${head}content-length: 5\r\n\r\n{"data":{}}`),
			stays(28, /does not speak HTTP \(HPE_/),
		],
		[
			'no HTTP at all',
			raw('SSH-2.0-OpenSSH_9.2\r\n'),
			stays(28, /^bad-answer: .*does not speak HTTP \(HPE_/),
		],
		[
			'an endless header',
			raw(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(100_000)}\r\n\r\n`),
			stays(28, /HPE_HEADER_OVERFLOW/),
		],
		[
			'a chunked body that is cut',
			raw(`${head}transfer-encoding: chunked\r\n\r\n5\r\n{"dat`),
			heals(24, /ECONNRESET/),
		],
		['a redirect', { status: 307, headers: { location: OTHER_HOST } }, stays(28, /a redirect \(307\)/)],
	])('%s', async (_what, answer, expected) => {
		const place = await scripted(({ path }) => (STAGES.list(path) ? answer : undefined), { http1Only: true });
		check(await observe(place), expected);
	});

	test.concurrent('everything works, over two connections at most', async () => {
		const proxy = await startScriptedVault({
			...{ upstream: vault, script: () => undefined, http1Only: true, tls: await authority.issue() },
		});
		const env = {
			ENVTIER_VAULT_ADDR: proxy.addr,
			ENVTIER_VAULT_CA: authority.certPem,
			ENVTIER_DEADLINE: '40',
		};
		const place: Place = { env, tries: () => 0, [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose]() };
		const { run } = await observe(place);
		expect(run.code).toBe(0);
		expect(proxy.connections()).toBeLessThanOrEqual(2);
		expect(run.last).toMatchObject({ connections: proxy.connections() });
	});

	test.concurrent('without TLS only where that was said to be wanted', async () => {
		const proxy = await startScriptedVault({ upstream: vault, script: () => undefined });
		const place = (env: Readonly<Record<string, string>>): Place => ({
			env: { ENVTIER_VAULT_ADDR: proxy.addr, ...env },
			tries: () => proxy.requests.length,
			[Symbol.asyncDispose]: () => Promise.resolve(),
		});
		check(await observe(place({})), stays(20, /ENVTIER_VAULT_ADDR must start with https:\/\/ unless/));
		expect(proxy.requests).toEqual([]);
		const insecure = await observe(place({ ENVTIER_VAULT_INSECURE_HTTP: 'true', ENVTIER_DEADLINE: '40' }));
		expect(insecure.run.code).toBe(0);
		await proxy[Symbol.asyncDispose]();
	});
});

describe('what heals in time is not noticed', () => {
	const once = (answer: ScriptedAnswer): Script => {
		const seen = new Set<string>();
		return ({ path }) => {
			if (path.includes('revoke') || seen.has(path)) return undefined;
			seen.add(path);
			return answer;
		};
	};
	test.concurrent.each<readonly [string, ScriptedAnswer]>([
		['429', json(429, { errors: [] })],
		['503', json(503, { errors: [] })],
		['502 in HTML', { status: 502, headers: HTML, body: '<h1>' }],
		['412', json(412, {})],
		['cut JSON', { status: 200, headers: { 'content-type': 'application/json' }, body: '{' }],
	])('%s as the first answer to every request', async (_what, answer) => {
		const place = await scripted(once(answer));
		const { run } = await observe({ ...place, env: { ...place.env, ENVTIER_DEADLINE: '40' } });
		expect(run.code).toBe(0);
	});

	test.concurrent('Retry-After is waited for, by all requests', async () => {
		const times: number[] = [];
		const place = await scripted(({ path }) => {
			if (!path.startsWith('auth/jwt/login')) return undefined;
			times.push(performance.now());
			return times.length === 1 ? json(429, { errors: [] }, { 'retry-after': '1' }) : undefined;
		});
		const { run } = await observe({ ...place, env: { ...place.env, ENVTIER_DEADLINE: '40' } });
		expect(run.code).toBe(0);
		expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(995);
	});

	test.concurrent('a Retry-After beyond the deadline ends it at once', async () => {
		const place = await scripted(({ path }) =>
			STAGES.login(path) ? json(429, { errors: [] }, { 'retry-after': '3600' }) : undefined,
		);
		const seen = await observe({ ...place, env: { ...place.env, ENVTIER_DEADLINE: '30' } });
		check(seen, stays(24, /it asks for 3600 s of quiet, longer than the \d+(\.\d)? s left/));
	});

	test.concurrent('nothing listens at first', async () => {
		const { proxy, place } = await tcp(() => ({ kind: 'pass' }));
		await proxy.refuse(true);
		const pod = await makePod(vault.jwt());
		const env = { ...vaultEnv(vault), ...place.env, ENVTIER_DEADLINE: '60' };
		const running = await startFetcher(bundle.file, pod, env);
		const words = 'nothing listens there (connection refused) (ECONNREFUSED); trying again';
		await running.waitUntil('it finds nothing', () => running.stdout().includes(words));
		await proxy.refuse(false);
		expect((await running.exited).code).toBe(0);
		await place[Symbol.asyncDispose]();
		await pod.scratch.remove();
	});

	test.concurrent('a black hole at first', async () => {
		const { place } = await tcp((number) => (number === 1 ? { kind: 'silent', after: 0 } : { kind: 'pass' }));
		const { run } = await observe({ ...place, env: { ...place.env, ENVTIER_DEADLINE: '30' } });
		expect(run.code).toBe(0);
		expect(run.log[0]?.msg).toContain('no TLS handshake within');
	});
});

/** Faults of the network between the fetcher and the real server. */
async function tcp(fault: (number: number) => TcpFault): Promise<{ proxy: TcpProxy; place: Place }> {
	const proxy = await startTcpProxy(Number(new URL(vault.addr).port));
	proxy.setFault(fault);
	const place: Place = {
		env: { ENVTIER_VAULT_ADDR: `https://127.0.0.1:${proxy.port}` },
		tries: () => proxy.connections(),
		[Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
	};
	return { proxy, place };
}

describe('the network', () => {
	/** Stands for "in the middle of the first answer", which is known once a smaller one was seen. */
	const IN_ANSWER = -1;
	let smallAnswer = 0;
	beforeAll(async () => {
		const { proxy, place } = await tcp(() => ({ kind: 'pass' }));
		await call({ url: `https://127.0.0.1:${proxy.port}/v1/sys/seal-status`, caPem: vault.caPem });
		smallAnswer = proxy.received();
		await place[Symbol.asyncDispose]();
	});

	test.concurrent.each<readonly [string, TcpFault, RegExp]>([
		[
			'a black hole',
			{ kind: 'silent', after: 0 },
			/^unreachable: .*: no TLS handshake within \d+ ms; given up after 4 s/,
		],
		['a black hole after the handshake', { kind: 'silent', after: IN_ANSWER }, /no complete answer within/],
		[
			'one byte a second from the start',
			{ kind: 'trickle', after: 0, everyMs: 1_000 },
			/no TLS handshake within/,
		],
		[
			'one byte a second in the answers',
			{ kind: 'trickle', after: IN_ANSWER, everyMs: 1_000 },
			/no complete answer within/,
		],
		['a reset at once', { kind: 'reset', after: 0 }, /the connection was reset \(ECONNRESET\)/],
		['a reset in the handshake', { kind: 'reset', after: 100 }, /the connection was reset \(ECONNRESET\)/],
		['an end in the handshake', { kind: 'end', after: 100 }, /\(ECONNRESET\)/],
		[
			'a reset in the answers',
			{ kind: 'reset', after: IN_ANSWER },
			/the connection was reset \(ECONNRESET\)/,
		],
		['an end in the answers', { kind: 'end', after: IN_ANSWER }, /\(ECONNRESET\)/],
	])('%s, for as long as it is tried', async (_what, fault, words) => {
		const { place } = await tcp(() =>
			'after' in fault && fault.after === IN_ANSWER ? { ...fault, after: smallAnswer - 200 } : fault,
		);
		check(await observe(place), heals(24, words));
	});

	test.concurrent('nothing listens', async () => {
		const { proxy, place } = await tcp(() => ({ kind: 'pass' }));
		await proxy.refuse(true);
		const { run } = await observe(place);
		expect(run.code).toBe(24);
		expect(run.words).toMatch(/^unreachable: .*nothing listens there \(connection refused\)/);
	});

	test.concurrent('a name that is not in DNS', async () => {
		const place: Place = {
			env: { ENVTIER_VAULT_ADDR: 'https://vault.invalid:8200' },
			tries: () => 2,
			[Symbol.asyncDispose]: () => Promise.resolve(),
		};
		check(
			await observe(place),
			heals(24, /its name is not in DNS \(ENOTFOUND\)|DNS does not answer \(EAI_AGAIN\)/),
		);
	});
});

describe('TLS', () => {
	const served = async (
		leaf: Parameters<Authority['issue']>[0],
		options: { readonly maxVersion?: 'TLSv1.1'; readonly trusted?: Authority } = {},
	): Promise<Place> => {
		const { maxVersion, trusted = authority } = options;
		const versions = maxVersion === undefined ? {} : ({ minVersion: 'TLSv1', maxVersion } as const);
		const proxy = await startScriptedVault({
			...{ upstream: vault, script: () => undefined, tls: { ...(await authority.issue(leaf)), ...versions } },
		});
		return {
			env: { ENVTIER_VAULT_ADDR: proxy.addr, ENVTIER_VAULT_CA: trusted.certPem },
			tries: () => proxy.connections(),
			[Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
		};
	};
	const day = 86_400_000;
	test.concurrent.each<readonly [string, () => Promise<Place>, RegExp]>([
		[
			'a certificate for another name',
			() => served({ names: ['vault.example.com'] }),
			/^tls: .*its certificate is for other names \(DNS:vault\.example\.com; ERR_TLS_CERT_ALTNAME_INVALID\)/,
		],
		[
			'an expired certificate',
			() => served({ expired: true }),
			/^tls: .*has expired \(the clock here says 20\d\d-/,
		],
		[
			'a certificate of the future',
			() => served({ notBefore: new Date(Date.now() + day), notAfter: new Date(Date.now() + 2 * day) }),
			/^tls: .*is not valid yet \(the clock here says/,
		],
		[
			'an unknown CA of the same name',
			async () => served({}, { trusted: await makeAuthority() }),
			/^tls: .*\(.*ENVTIER_VAULT_CA must hold the CA that issued it/,
		],
		['TLS 1.1', () => served({}, { maxVersion: 'TLSv1.1' }), /^tls: .*does not speak TLS 1\.2 or later/],
	])('%s: exit code 29, not retried', async (_what, start, words) => {
		check(await observe(await start()), stays(29, words));
	});

	test.concurrent('no environment variable of Node’s switches the verification off', async () => {
		const place = await served({}, { trusted: await makeAuthority() });
		const env = { ...place.env, NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_OPTIONS: '--tls-min-v1.0' };
		const { run } = await observe({ ...place, env }).catch(() => ({ run: undefined }));
		expect(run?.code ?? 29).toBe(29);
	});

	test.concurrent('plain HTTP on the port', async () => {
		const proxy = await startScriptedVault({ upstream: vault, script: () => undefined });
		const place: Place = {
			env: { ENVTIER_VAULT_ADDR: `https://127.0.0.1:${proxy.port}`, ENVTIER_VAULT_CA: authority.certPem },
			tries: () => proxy.connections(),
			[Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
		};
		check(await observe(place), stays(29, /^tls: .*it does not speak TLS: is this a plain HTTP port\?/));
	});

	test.concurrent('something that hangs up on the first byte heals, or ends at the deadline', async () => {
		const server = createServer((socket) => socket.destroy());
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		const address = server.address();
		const port = typeof address === 'object' ? address?.port : 0;
		let tries = 0;
		server.on('connection', () => {
			tries += 1;
		});
		const place: Place = {
			env: { ENVTIER_VAULT_ADDR: `https://127.0.0.1:${port}` },
			tries: () => tries,
			[Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
		};
		check(await observe(place), heals(24, /the connection was reset|the connection was closed/));
	});
});
