/** What of a Secret of Kubernetes is imported, and under which names. */
import { expect, test } from 'vitest';
import { entriesOf, parseRenames } from '../../cli/import/kubernetes-secret.ts';

const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString('base64');
const secret = (data: Record<string, string>, type = 'Opaque', name = 'shop-db') => ({
	...{ metadata: { name }, type },
	data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, base64(value)])),
});
const none = new Map<string, string>();

test('keys are taken, or renamed', () => {
	const renames = parseRenames(['tls.crt=TLS_CRT,tls.key=TLS_KEY', 'password=DB_PASSWORD']);
	if (!renames.ok) throw new Error(renames.error);
	const tls = secret({ 'tls.crt': 'c\n', 'tls.key': 'k', password: ' p ', USER: 'u' });
	expect(entriesOf(tls, renames.value, undefined)).toEqual({
		ok: true,
		value: [
			{ from: 'tls.crt', key: 'TLS_CRT', value: 'c\n' },
			{ from: 'tls.key', key: 'TLS_KEY', value: 'k' },
			{ from: 'password', key: 'DB_PASSWORD', value: ' p ' },
			{ from: 'USER', key: 'USER', value: 'u' },
		],
	});
});

test.each<[string, object, readonly string[]]>([
	[
		'a token of a service account',
		secret({ token: 'canary' }, 'kubernetes.io/service-account-token'),
		['token of a service account'],
	],
	['a bootstrap token', secret({ a: 'canary' }, 'bootstrap.kubernetes.io/token'), ['bootstrap token']],
	[
		'a bootstrap token by its name',
		secret({ a: 'canary' }, 'Opaque', 'bootstrap-token-abc123'),
		['bootstrap token'],
	],
	['a release of Helm', secret({ release: 'canary' }, 'helm.sh/release.v1'), ['release of Helm']],
	[
		'a release of Helm by its name',
		secret({ release: 'canary' }, 'Opaque', 'sh.helm.release.v1.web.v1'),
		['release of Helm'],
	],
	['no data', { metadata: { name: 'x' }, type: 'Opaque' }, ['has no data']],
	['a key that no variable can have', secret({ 'tls.crt': 'canary' }), ['add --rename tls.crt=TLS_CRT']],
	['an empty value', secret({ A: '' }), ['its value is empty']],
	[
		'bytes that are no text',
		{ ...secret({}), data: { A: base64(Uint8Array.of(0xff, 0xfe)) } },
		['is not text'],
	],
	['a NUL character', secret({ A: 'a\0canary' }), ['is not text']],
	[
		'all that is wrong at once',
		secret({ 'a.b': 'canary', B: '' }),
		['--rename a.b=A_B', 'its value is empty'],
	],
])('%s is refused whole, without its value', (_what, given, reasons) => {
	const result = entriesOf(given, none, undefined);
	const problems = result.ok ? [] : result.error;
	expect(problems).toHaveLength(reasons.length);
	for (const [at, reason] of reasons.entries()) expect(problems[at]).toContain(reason);
	expect(JSON.stringify(problems)).not.toContain('canary');
});

test('two keys cannot become one, and a rename must have its key', () => {
	const renames = new Map([['a', 'B']]);
	expect(entriesOf(secret({ a: 'x', B: 'y' }), renames, undefined)).toEqual({
		...{ ok: false, error: ['several keys would become B'] },
	});
	expect(entriesOf(secret({ B: 'y' }), renames, undefined)).toEqual({
		ok: false,
		error: ['the Secret has no a'],
	});
	expect(entriesOf(secret({ A: 'x', b: '' }), none, ['A'])).toMatchObject({ ok: true });
	for (const wrong of ['a', 'a=', '=B', 'a=b-c', 'a=B=C'])
		expect(parseRenames([wrong]).ok, wrong).toBe(false);
	expect(parseRenames(['a=B', 'a=C']).ok).toBe(false);
});
