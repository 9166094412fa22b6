import { expect, test } from 'vitest';
import type { CertificateSource, ServingCertificate } from '../../lib/tls/certificate-source.ts';
import { expiresSoon, warnBeforeExpiry } from '../../webhook/certificates/warning.ts';
import { until } from '../support/until.ts';
import { collectLogs } from './support/logs.ts';

const DAY = 86_400_000;
const NOW = new Date();
const WARNING = 'the certificate expires soon and was not renewed';

/** A pair of a life in days, of which so many are left. */
const pairOf = (life: number, left: number): ServingCertificate => ({
	...{ certificate: '', key: '' },
	notBefore: new Date(NOW.getTime() + (left - life) * DAY),
	notAfter: new Date(NOW.getTime() + left * DAY),
});

test.each([
	['a year’s certificate, 15 days before its end', 365, 15, false],
	['a year’s certificate, 13 days before its end', 365, 13, true],
	['90 days, as long as it is due to be renewed', 90, 29, false],
	['24 days, with a third left', 24, 8, false],
	['24 days, with less than a quarter left', 24, 5.9, true],
	['one that has ended', 90, -1, true],
])('%s', (_, life, left, soon) => {
	expect(expiresSoon(pairOf(life, left), NOW)).toBe(soon);
});

test('the log warns days ahead, once in a while, and is silent again after a renewal', async () => {
	let pair = pairOf(365, 300);
	const source: CertificateSource = {
		current: () => pair,
		problem: () => undefined,
		onChange: () => undefined,
		close: () => undefined,
	};
	const logs = collectLogs();
	const end = warnBeforeExpiry(source, logs.log, { look: 5, again: 40 });
	try {
		pair = pairOf(365, 5.5);
		await until('two warnings', () => logs.with(WARNING).length >= 2);
		expect(logs.with(WARNING)[0]).toMatchObject({ level: 40, days: 5 });
		pair = pairOf(365, 365);
		let looks = 0;
		pair = new Proxy(pair, {
			get: (target, name) => {
				if (name === 'notBefore') looks += 1;
				return Reflect.get(target, name);
			},
		});
		await until('some looks', () => looks > 3);
		const before = logs.with(WARNING).length;
		await until('some more looks', () => looks > 20);
		expect(logs.with(WARNING).length).toBe(before);
	} finally {
		end();
	}
});
