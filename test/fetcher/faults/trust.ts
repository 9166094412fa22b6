import { makeAuthority } from '../../support/tls.ts';
import { type Case, type FaultFixture, failsAtOnce, served } from './fault.ts';

const DAY = 86_400_000;

const from = (days: number): Date => new Date(Date.now() + days * DAY);

const CERTIFICATES: readonly (readonly [
	string,
	(fixture: FaultFixture) => ReturnType<typeof served>,
	RegExp,
])[] = [
	[
		'a certificate for another name',
		(fixture) => served(fixture, { names: ['vault.example.com'] }),
		/^tls: .*its certificate is for other names \(DNS:vault\.example\.com; ERR_TLS_CERT_ALTNAME_INVALID\)/,
	],
	[
		'an expired certificate, or a clock ahead',
		(fixture) => served(fixture, { expired: true }),
		/^tls: .*has expired \(the clock here says 20\d\d-/,
	],
	[
		'a certificate of the future, or a clock behind',
		(fixture) => served(fixture, { notBefore: from(1), notAfter: from(2) }),
		/^tls: .*is not valid yet \(the clock here says/,
	],
	[
		'an unknown CA',
		async (fixture) => served(fixture, {}, { trusted: await makeAuthority('Another CA') }),
		/^tls: .*\(.*ENVTIER_VAULT_CA must hold the CA that issued it/,
	],
	[
		'an unknown CA of the same name',
		async (fixture) => served(fixture, {}, { trusted: await makeAuthority() }),
		/^tls: .*\(.*ENVTIER_VAULT_CA must hold the CA that issued it/,
	],
	[
		'TLS 1.1',
		(fixture) => served(fixture, {}, { maxVersion: 'TLSv1.1' }),
		/^tls: .*does not speak TLS 1\.2 or later/,
	],
	[
		'plain HTTP on the port',
		(fixture) => served(fixture, {}, { plain: true }),
		/^tls: .*it does not speak TLS: is this a plain HTTP port\?/,
	],
];

/** TLS that can't be trusted. */
export const TRUST: readonly Case[] = CERTIFICATES.map(([what, target, message]) => ({
	what,
	expected: failsAtOnce(29, message),
	target,
}));
