import { expect, test } from 'vitest';
import { handshakeLog } from '../../webhook/server/handshakes.ts';
import { collectLogs } from './support/logs.ts';

const REJECTED = 'TLS handshake failed: the caller rejects the certificate';
const HOUR = 3_600_000;

const source = (from: number, to: number) => ({
	current: () => ({
		certificate: '',
		key: 'hunter2-canary',
		notBefore: new Date(Date.now() + from * HOUR),
		notAfter: new Date(Date.now() + to * HOUR),
	}),
	problem: () => undefined,
	onChange: () => undefined,
	close: () => undefined,
});

const error = (code: string): Error => Object.assign(new Error('x'), { code });
const BAD = error('ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE');

test('a flood of rejected handshakes is one line, and the next one counts those in between', () => {
	const logs = collectLogs();
	const slow = handshakeLog(source(-1, 1), 'files', logs.log);
	for (let i = 0; i < 1_000; i += 1) slow(BAD, '10.0.0.1');
	expect(logs.with(REJECTED)).toHaveLength(1);
	const quick = handshakeLog(source(-1, 1), 'files', logs.log, 0);
	for (let i = 0; i < 3; i += 1) quick(BAD, '10.0.0.1');
	expect(logs.with(REJECTED)).toHaveLength(4);
	expect(logs.text()).not.toContain('hunter2');
});

test.for([
	[-1, 1, 'files', /caBundle/, /node deploy\/certs\/main\.ts/],
	[-2, -1, 'files', /not valid now/, /renew it with "node deploy\/certs\/main\.ts"/],
	[-2, -1, 'self', /not valid now/, /renews it itself/],
] as const)(
	'valid from %i to %i hours from now, kept by %s: the likely cause and what to do',
	([from, to, kind, cause, cure]) => {
		const logs = collectLogs();
		handshakeLog(source(from, to), kind, logs.log)(BAD, '10.0.0.1');
		expect(logs.with(REJECTED)).toMatchObject([
			{
				likelyCause: expect.stringMatching(cause),
				whatToDo: expect.stringMatching(cure),
				address: '10.0.0.1',
			},
		]);
	},
);

test('other failures, which anybody causes, are no warning', () => {
	const logs = collectLogs();
	const told = handshakeLog(source(-1, 1), 'files', logs.log);
	for (const code of ['ECONNRESET', 'ERR_SSL_HTTP_REQUEST', 'ERR_SSL_WRONG_VERSION_NUMBER', ''])
		told(error(code), '10.0.0.1');
	expect(logs.with(REJECTED)).toEqual([]);
	expect(logs.with('TLS handshake failed')).toHaveLength(4);
});
