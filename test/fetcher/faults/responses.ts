import { json, type ScriptedAnswer } from '../../support/scripted-vault.ts';
import { type Case, type Expected, failsAtDeadline, failsAtOnce, HARMLESS, scripted } from './fault.ts';

/** Where in the fetch an answer is replaced. */
export const STAGES = {
	login: (path: string) => path.startsWith('auth/jwt/login'),
	list: (path: string) => path.startsWith('secret/metadata/orgs'),
	read: (path: string) => path.startsWith('secret/data/deployments'),
	'one read': (path: string) => path.startsWith('secret/data/deployments/shop/secrets/B'),
	/** Everything from the first list on. */
	after: (path: string) => !path.startsWith('auth/jwt/login'),
} as const;

type Stage = keyof typeof STAGES;

const ANY = ['login', 'list', 'read'] as const satisfies readonly Stage[];

const HTML = { 'content-type': 'text/html' };
const BIG = Buffer.alloc(1 << 20, 0x61);
/**
 * Valid for a list and for a read, except one byte in a name and in a value, which a decoder would replace
 * silently.
 */
const NO_UTF8 = Buffer.from('{"data":{"keys":["A\xff"],"data":{"value":"\xff"},"metadata":{}}}', 'latin1');

type Answers = readonly (readonly [
	what: string,
	answer: ScriptedAnswer,
	expected: Readonly<Partial<Record<Stage | 'any', Expected>>>,
])[];

/** Given for as long as the fetcher asks. `any` stands for all stages. */
const ANSWERS: Answers = [
	[
		'400',
		json(400, { errors: ['missing something'] }),
		{
			login: failsAtOnce(21, /^login-refused: Vault does not say why; .*\(Vault: 400 missing something\)/),
			list: failsAtOnce(
				28,
				/^bad-answer: .*"secret\/metadata\/orgs\/acme\/secrets" with 400: missing something/,
			),
			read: failsAtOnce(28, /^bad-answer: .*"secret\/data\/deployments\/shop\/secrets\/[AB]" with 400/),
		},
	],
	[
		'403',
		json(403, { errors: ['1 error occurred:\n\t* permission denied\n\n'] }),
		{
			login: failsAtOnce(21, /^login-refused: Vault does not say why; .*\(Vault: 403 permission denied\)/),
			list: failsAtOnce(22, /^read-refused: .*the org tier .*"secret\/metadata\/orgs\/acme\/secrets\/"/),
			read: failsAtOnce(
				22,
				/^read-refused: .*the deployment tier.*secret\/data\/deployments\/shop\/secrets\/\+/,
			),
		},
	],
	[
		'403 to everything, as for a token that was revoked',
		json(403, { errors: ['permission denied'] }),
		{
			after: failsAtOnce(
				22,
				/^read-refused: .*it does not know the token any more that it gave at the login.*to do: create the pod again; if that fails too, a policy of the role/,
			),
		},
	],
	[
		'404 with no errors, which means "nothing there"',
		json(404, { errors: [] }),
		{ login: failsAtOnce(21, /^login-refused: /), list: HARMLESS },
	],
	[
		'404 from something that is not Vault',
		{ status: 404, headers: HTML, body: '<html>not found</html>' },
		{ any: failsAtOnce(28, /^bad-answer: .* with 404 and text\/html instead of JSON: is it Vault/) },
	],
	[
		'405',
		json(405, { errors: ['unsupported operation'] }),
		{ list: failsAtOnce(28, /with 405: unsupported operation/) },
	],
	[
		'412',
		json(412, { errors: [] }),
		{ any: failsAtDeadline(24, /has not caught up with its cluster yet \(412\)/) },
	],
	[
		'429',
		json(429, { errors: ['rate limit'] }),
		{ any: failsAtDeadline(24, /asks for fewer requests \(429: rate limit\)/) },
	],
	['472', json(472, {}), { list: failsAtDeadline(24, /standby of a disaster-recovery pair \(472\)/) }],
	['473', json(473, {}), { list: failsAtDeadline(24, /is a standby \(473\)/) }],
	[
		'500',
		json(500, { errors: ['internal error'] }),
		{
			login: failsAtDeadline(24, /has an error \(500: internal error\) at "auth\/jwt\/login"; given up/),
			list: failsAtDeadline(
				24,
				/has an error \(500: internal error\) at "secret\/metadata\/orgs\/acme\/secrets"/,
			),
			read: failsAtDeadline(
				24,
				/^unreachable: [AB] of the deployment tier cannot be read: .*500: internal error\) at "secret\/data\/deployments\/shop\/secrets\/[AB]"; given up .*to do: look for "secret\/data\/deployments\/shop\/secrets\/[AB]" in Vault’s log$/,
			),
		},
	],
	[
		'500 for one key alone',
		json(500, { errors: ['internal error'] }),
		{
			'one read': failsAtDeadline(
				24,
				/^unreachable: B of the deployment tier cannot be read: .*secrets\/B" in Vault’s log$/,
			),
		},
	],
	[
		'400 while a KV mount becomes version 2',
		json(400, {
			errors: [
				'Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly.',
			],
		}),
		{
			list: failsAtDeadline(
				24,
				/is upgrading the KV mount of "secret\/metadata.*to do: wait until Vault has upgraded/,
			),
			read: failsAtDeadline(24, /is upgrading the KV mount of "secret\/data/),
		},
	],
	[
		'500 that says that the issuer is another',
		json(500, { errors: ['claim "iss" is invalid'] }),
		{ login: failsAtOnce(21, /^login-refused: auth mount "jwt" expects another issuer .*bound_issuer/) },
	],
	[
		'403 that says that the issuer is another',
		json(403, { errors: ['invalid issuer (iss) claim'] }),
		{ login: failsAtOnce(21, /^login-refused: auth mount "jwt" expects another issuer .*bound_issuer/) },
	],
	[
		'502 from a load balancer',
		{ status: 502, headers: HTML, body: '<h1>' },
		{
			any: failsAtDeadline(
				24,
				/has an error \(502\) at .*to do: check the load balancer or proxy in front of Vault/,
			),
		},
	],
	['503', { status: 503, body: '' }, { any: failsAtDeadline(24, /has an error \(503\)/) }],
	[
		'503, sealed',
		json(503, { errors: ['Vault is sealed'] }),
		{ any: failsAtDeadline(25, /^sealed: .*is sealed or not init/) },
	],
	['504', { status: 504, body: 'upstream' }, { any: failsAtDeadline(24, /has an error \(504\)/) }],
	[
		'HTML instead of JSON',
		{ status: 200, headers: HTML, body: '<html>Please log in to the WiFi</html>' },
		{
			any: failsAtOnce(
				28,
				/^bad-answer: .* with 200 and text\/html instead of JSON: is it Vault that answers there/,
			),
		},
	],
	[
		'JSON that is cut off',
		{ status: 200, headers: { 'content-type': 'application/json' }, body: '{"data":{"keys":["A"' },
		{ any: failsAtDeadline(28, /^bad-answer: .*JSON that is cut off or malformed/) },
	],
	[
		'bytes that are no UTF-8',
		{ status: 200, headers: { 'content-type': 'application/json' }, body: NO_UTF8 },
		{
			list: failsAtDeadline(28, /JSON that is cut off or malformed/),
			read: failsAtDeadline(28, /JSON that is cut off or malformed/),
		},
	],
	[
		'JSON of another shape',
		json(200, { data: { keys: 'A' } }),
		{
			login: failsAtOnce(28, /^bad-answer: .* answers "auth\/jwt\/login" without a token/),
			list: failsAtOnce(28, /^bad-answer: .* answers "secret\/metadata\/orgs\/acme\/secrets" with 200/),
		},
	],
	[
		'JSON that is no object',
		json(200, ['A']),
		{ any: failsAtDeadline(28, /JSON that is cut off or malformed/) },
	],
	[
		'a body of 100 MiB',
		{ status: 200, headers: { 'content-type': 'application/json' }, body: BIG, repeat: 100 },
		{ any: failsAtOnce(28, /^bad-answer: .*an answer is larger than 8 MiB/) },
	],
	[
		'a body that never ends',
		{ status: 200, headers: { 'content-type': 'application/json' }, body: '{', open: true },
		{ any: failsAtDeadline(24, /^unreachable: .*no complete answer within/) },
	],
];

/** Answers other than Vault's, for as long as the fetcher asks. */
export const ANSWERED: readonly Case[] = ANSWERS.flatMap(([what, answer, { any, ...expected }]) => {
	const stages = any === undefined ? {} : Object.fromEntries(ANY.map((stage) => [stage, any]));
	const cases = Object.entries({ ...stages, ...expected }) as [Stage, Expected][];
	return cases.map(
		([at, wanted]) =>
			({
				what,
				at,
				expected: wanted,
				target: (fixture) => scripted(fixture, ({ path }) => (STAGES[at](path) ? answer : undefined)),
			}) satisfies Case,
	);
});
