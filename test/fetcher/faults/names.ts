import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type DnsServer, type DnsWord, startDns } from '../../support/dns.ts';
import { scratch } from '../../support/scratch.ts';
import { startScriptedVault } from '../../support/scripted-vault.ts';
import {
	type Case,
	type FaultFixture,
	type FaultTarget,
	failsAtDeadline,
	SUCCEEDS_ON_RETRY,
} from './fault.ts';

const NAME = 'vault.envtier.test';

/** Gives the command that follows it a resolver of its own, in a mount namespace that vanishes with it. */
function resolvingBy(dns: DnsServer, dir: string): readonly string[] {
	const file = join(dir, 'resolv.conf');
	writeFileSync(file, `nameserver ${dns.address}\noptions timeout:1 attempts:1\n`);
	const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
	return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, file];
}

/** A Vault that is called by a name, and a name server that says this of it. */
async function named(
	{ vault, authority }: FaultFixture,
	say: (number: number) => DnsWord,
): Promise<FaultTarget> {
	const [dns, directory, tls] = await Promise.all([
		startDns(say),
		scratch('names'),
		authority.issue({ names: [NAME] }),
	]);
	const proxy = await startScriptedVault({ upstream: vault, script: () => undefined, tls });
	return {
		env: {
			ENVTIER_VAULT_ADDR: `https://${NAME}:${proxy.port}`,
			ENVTIER_VAULT_CA: authority.certPem,
			PATH: process.env['PATH'] ?? '',
		},
		tries: dns.questions,
		launcher: resolvingBy(dns, directory.dir),
		[Symbol.asyncDispose]: async () => {
			await Promise.all([proxy[Symbol.asyncDispose](), dns[Symbol.asyncDispose](), directory.remove()]);
		},
	};
}

const ADDRESS = { a: '127.0.0.1' } as const;

/** What DNS can say of Vault's name. A server that answers nothing at all is in process.test.ts. */
export const NAMES: readonly Case[] = [
	{
		what: 'a name that is not in DNS',
		expected: failsAtDeadline(
			24,
			/its name "vault\.envtier\.test" is not in DNS \(ENOTFOUND\).*to do: if the name is wrong, correct ENVTIER_VAULT_ADDR in the webhook’s ConfigMap \(its name begins with "envtier-settings"\)/,
		),
		root: true,
		target: (fixture) => named(fixture, () => 'NXDOMAIN'),
	},
	{
		what: 'DNS that fails',
		expected: failsAtDeadline(
			24,
			/DNS does not answer for its name "vault\.envtier\.test" \(EAI_AGAIN\).*port 53/,
		),
		root: true,
		target: (fixture) => named(fixture, () => 'SERVFAIL'),
	},
	{
		what: 'DNS that fails and then recovers',
		expected: SUCCEEDS_ON_RETRY,
		root: true,
		target: (fixture) => named(fixture, (number) => (number <= 2 ? 'SERVFAIL' : ADDRESS)),
		also: ({ log }) =>
			expect(log[0]?.msg).toContain(`DNS does not answer for its name "${NAME}" (EAI_AGAIN); trying again`),
	},
	{
		what: 'a name that comes into DNS later',
		expected: SUCCEEDS_ON_RETRY,
		root: true,
		target: (fixture) => named(fixture, (number) => (number <= 2 ? 'NXDOMAIN' : ADDRESS)),
		also: ({ log }) =>
			expect(log[0]?.msg).toContain(`its name "${NAME}" is not in DNS (ENOTFOUND); trying again`),
	},
];
