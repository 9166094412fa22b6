import { describe, expect, test } from 'vitest';
import { EXIT_CODES } from '../../contract/exit-codes.ts';
import { VARIABLES, type Variable } from '../../contract/variables.ts';
import { readSettings as readFetcherSettings, terminationLog } from '../../fetcher/settings.ts';
import { readSettings as readWebhookSettings } from '../../webhook/settings.ts';

/** A clause of at least that many words, without a full stop. */
const clauseOf = (words: number): RegExp => new RegExp(`^\\S+( \\S+){${words - 1},}(?<!\\.)$`);

describe('exit codes', () => {
	test('keep their numbers: scripts and alerts of users rest on them', () => {
		const numbers = Object.entries(EXIT_CODES).map(([reason, { code }]) => [reason, code]);
		// A new code is added here. A number that stands here is never given to another reason.
		expect(Object.fromEntries(numbers)).toMatchObject({
			...{ ok: 0, settings: 20, 'login-refused': 21, 'read-refused': 22, 'required-missing': 23 },
			...{ unreachable: 24, sealed: 25, 'write-failed': 26, 'secret-unusable': 27, 'bad-answer': 28 },
			...{ tls: 29, 'not-opened': 30, internal: 70, terminated: 143 },
		});
		expect(new Set(numbers.map(([, code]) => code)).size).toBe(numbers.length);
	});

	test.for(Object.entries(EXIT_CODES).filter(([reason]) => !['ok', 'terminated'].includes(reason)))(
		'%s is neither a code of Node nor of a shell, and its cure is an instruction',
		([, { code, meaning, cure }]) => {
			expect(code).toBeGreaterThanOrEqual(20);
			expect(code).toBeLessThan(126);
			// They stand after "exit code N:" and in tables: clauses of several words, without a full stop.
			expect(meaning).toMatch(clauseOf(4));
			expect(cure).toMatch(clauseOf(2));
		},
	);
});

/** The names that `read` looks up in the environment, given these values. */
function namesReadBy(
	read: (env: Record<string, string | undefined>) => unknown,
	values = {},
): ReadonlySet<string> {
	const names = new Set<string>();
	read(
		new Proxy<Record<string, string | undefined>>(values, {
			get: (env, name) => {
				if (typeof name === 'string' && name.startsWith('ENVTIER_')) names.add(name);
				return Reflect.get(env, name);
			},
		}),
	);
	return names;
}

/** Numbered variables belong to further volumes; the table describes them with the first. */
const withoutNumbered = (names: ReadonlySet<string>) =>
	[...names].filter((name) => !/_\d+$/.test(name)).sort();

describe('settings', () => {
	const variables: readonly [string, Variable][] = Object.entries(VARIABLES);
	const namedFor = (program: 'webhook' | 'fetcher') =>
		variables.filter(([, { readBy }]) => readBy.includes(program)).map(([name]) => name);

	test('the fetcher reads exactly the variables that the table gives to it', () => {
		const read = namesReadBy((env) => [readFetcherSettings(env), terminationLog(env)]);
		expect(withoutNumbered(read)).toEqual(namedFor('fetcher').sort());
	});

	test('the webhook reads exactly the variables that the table gives to it', () => {
		const files = namesReadBy(readWebhookSettings);
		const self = namesReadBy(readWebhookSettings, { ENVTIER_CERTIFICATES: 'self' });
		expect(withoutNumbered(new Set([...files, ...self]))).toEqual(namedFor('webhook').sort());
	});

	const fetcherNeeds = {
		...{ ENVTIER_VAULT_ADDR: 'https://vault.example.com', ENVTIER_VAULT_ROLE: 'web' },
		ENVTIER_DEPLOYMENT: 'shop',
	};
	const webhookNeeds = {
		...{ ENVTIER_VAULT_ADDR: 'https://vault.example.com', ENVTIER_FETCHER_IMAGE: 'fetcher:1' },
		...{ ENVTIER_TLS_CERT_FILE: '/tls.crt', ENVTIER_TLS_KEY_FILE: '/tls.key' },
	};
	test.each([
		['fetcher', readFetcherSettings, fetcherNeeds],
		['webhook', readWebhookSettings, webhookNeeds],
	] as const)(
		'of the %s: each default in the table is accepted and gives what no value gives',
		(name, read, needs) => {
			const unset = read(needs);
			expect(unset.ok, JSON.stringify(unset)).toBe(true);
			for (const [variable, { readBy, default: value }] of variables) {
				if (!readBy.includes(name) || value === undefined) continue;
				// Functions among the settings compare by identity; everything else by value.
				expect(JSON.stringify(read({ ...needs, [variable]: value })), variable).toBe(JSON.stringify(unset));
			}
		},
	);

	test.for(variables)(
		'%s has a plain name, says what it means, and has no default if it is required',
		([name, variable]) => {
			expect(name).toMatch(/^ENVTIER_[A-Z]+(_[A-Z]+)*$/);
			expect(variable.meaning).toMatch(clauseOf(2));
			if (variable.required) expect(variable.default).toBeUndefined();
		},
	);

	test.each([
		['fetcher', readFetcherSettings],
		['webhook', readWebhookSettings],
	] as const)('the %s says of every required variable that it is not set', (name, read) => {
		const result = read({});
		const problems = result.ok ? '' : [result.error].flat().join('\n');
		for (const [variable, { readBy, required }] of variables)
			if (required && readBy.includes(name)) expect(problems).toContain(`${variable} is not set: `);
	});
});
