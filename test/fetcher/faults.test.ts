import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { json, startScriptedVault } from '../support/scripted-vault.ts';
import { makeAuthority } from '../support/tls.ts';
import { CHANGES } from './faults/changes.ts';
import { CLUSTER } from './faults/cluster.ts';
import {
	type Case,
	type Expected,
	expectOutcome,
	type FaultFixture,
	type FaultTarget,
	failsAtOnce,
	HARMLESS,
	reasonOf,
	scripted,
	served,
	startFaultFixture,
} from './faults/fault.ts';
import { MALFORMED } from './faults/http1.ts';
import { NAMES } from './faults/names.ts';
import { NETWORK } from './faults/network.ts';
import { ANSWERED } from './faults/responses.ts';
import { TRUST } from './faults/trust.ts';
import { vaultEnv } from './support/backends.ts';
import { makePod, runFetcher } from './support/fetcher.ts';

let fixture: FaultFixture;
beforeAll(async () => {
	fixture = await startFaultFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

/** By the headings of the table in the documentation. */
const FAULTS: Readonly<Record<string, readonly Case[]>> = {
	'The network': NETWORK,
	Names: NAMES,
	TLS: TRUST,
	'Answers, given again and again': ANSWERED,
	'Malformed HTTP/1.1': MALFORMED,
	'What changes on the way': CHANGES,
	'A cluster': CLUSTER,
};

const outcome = ({ code, retried }: Expected): string =>
	`${retried ? 'tried again' : 'not tried again'}, ${code === 0 ? 'all is written' : `exit code ${code}`}`;

describe.each(Object.keys(FAULTS))('%s', (heading) => {
	for (const { what, at, root, alone, expected, target, also } of FAULTS[heading] ?? []) {
		const title = `${what}${at === undefined ? '' : ` (${at})`}: ${outcome(expected)}`;
		const skip = root === true && process.getuid?.() !== 0;
		// How long it goes on after its deadline is measured in a process that a busy machine may stop.
		const retry = expected.retried && expected.code !== 0 ? 1 : 0;
		test(title, { concurrent: alone !== true, skip, retry }, async () => {
			const run = await expectOutcome(fixture, await target(fixture), expected);
			also?.(run);
		});
	}
});

/** One row for all the stages at which the same comes of it. */
function rowsOf(cases: readonly Case[]): readonly string[] {
	const rows = Map.groupBy(cases, ({ what, expected: { code, retried } }) => {
		const end = code === 0 ? 'everything is written' : `${code} \`${reasonOf(code)}\``;
		return JSON.stringify([what, retried ? 'yes' : 'no', end]);
	});
	return [...rows].map(([key, group]) => {
		const [what, again, end] = JSON.parse(key) as string[];
		const during = group.flatMap(({ at }) => (at === undefined ? [] : [at])).join(', ');
		return `| ${what} | ${during} | ${again} | ${end} |`;
	});
}

const tables = Object.entries(FAULTS).map(([heading, cases]) =>
	[
		`**${heading}**\n`,
		...['| what happens | during | tried again | ends with |', '| --- | --- | --- | --- |'],
		...rowsOf(cases),
	].join('\n'),
);

test('the table in docs/troubleshooting.md says what these tests show', () => {
	const file = join(import.meta.dirname, '../../docs/troubleshooting.md');
	const page = readFileSync(file, 'utf8');
	const begin = '<!-- every fault: written by UPDATE=1 vitest run test/fetcher/faults -->';
	const end = '<!-- end -->';
	const [before = '', rest = ''] = page.split(begin);
	const [told = '', after = ''] = rest.split(end);
	const text = `\n\n${tables.join('\n\n')}\n\n`;
	// How wide columns are is the formatter's business.
	const narrow = (wide: string): string => wide.replace(/ +/g, ' ').replace(/-{3,}/g, '---');
	if (process.env['UPDATE'] === '1') writeFileSync(file, [before, begin, text, end, after].join(''));
	else expect(narrow(told)).toBe(narrow(text));
});

describe('besides', () => {
	const open = async (
		tls: boolean,
	): Promise<{ target: FaultTarget; proxy: Awaited<ReturnType<typeof startScriptedVault>> }> => {
		const proxy = await startScriptedVault({
			...{ upstream: fixture.vault, script: () => undefined, http1Only: true },
			...(tls ? { tls: await fixture.authority.issue() } : {}),
		});
		const target: FaultTarget = {
			env: { ENVTIER_VAULT_ADDR: proxy.addr, ENVTIER_VAULT_CA: fixture.authority.certPem },
			tries: () => 0,
			[Symbol.asyncDispose]: () => Promise.resolve(),
		};
		return { target, proxy };
	};

	test.concurrent('over HTTP/1.1 everything works, over two connections after the one that offered HTTP/2', async () => {
		const { target, proxy } = await open(true);
		const run = await expectOutcome(fixture, target, HARMLESS);
		expect(proxy.connections()).toBeLessThanOrEqual(3);
		expect(run.last).toMatchObject({ protocol: 'http/1.1' });
		await proxy[Symbol.asyncDispose]();
	});

	test.concurrent.each([0, 1_024, 4_096])(
		'in front of Vault stands a proxy with a header table of %d bytes: one connection for everything',
		async (headerTableSize) => {
			const proxy = await startScriptedVault({
				...{ upstream: fixture.vault, script: () => undefined, headerTableSize },
				tls: await fixture.authority.issue(),
			});
			const target: FaultTarget = {
				env: { ENVTIER_VAULT_ADDR: proxy.addr, ENVTIER_VAULT_CA: fixture.authority.certPem },
				tries: () => 0,
				[Symbol.asyncDispose]: () => Promise.resolve(),
			};
			const run = await expectOutcome(fixture, target, HARMLESS);
			expect([proxy.connections(), run.last?.['protocol']]).toEqual([1, 'h2']);
			await proxy[Symbol.asyncDispose]();
		},
	);

	test.concurrent('in front of Vault stands a proxy that allows 100 streams on a connection: 300 keys over two', async () => {
		const keys = Array.from({ length: 300 }, (_, i) => `KEY_${i}`);
		const proxy = await startScriptedVault({
			upstream: fixture.vault,
			script: ({ path }) => {
				if (/services\/.*list=true/.test(path)) return json(200, { data: { keys } });
				if (!/\/KEY_\d+$/.test(path)) return undefined;
				return json(200, { data: { data: { value: 'a value' }, metadata: { version: 1 } } });
			},
			maxConcurrentStreams: 100,
			tls: await fixture.authority.issue(),
		});
		const pod = await makePod(fixture.vault.jwt());
		const proxied = { ENVTIER_VAULT_ADDR: proxy.addr, ENVTIER_VAULT_CA: fixture.authority.certPem };
		const { code, last } = await runFetcher(fixture.file, pod, {
			...{ ...vaultEnv(fixture.vault), ...proxied },
			ENVTIER_DEADLINE: '60',
		});
		expect([code, last?.['protocol']]).toEqual([0, 'h2']);
		expect(proxy.connections()).toBeLessThanOrEqual(2);
		expect(pod.files()['env']?.match(/^export KEY_/gm)).toHaveLength(300);
		await pod.scratch.remove();
		await proxy[Symbol.asyncDispose]();
	});

	test.concurrent('login, then all lists at once, then all reads at once: a round trip each', async () => {
		// Each stage is answered when all of its requests have arrived: if one waited for another's response, none
		// would be answered. Two keys, and the path of the service's tier, which is empty.
		const stages = { 'secret/metadata/': 3, 'secret/data/': 3 };
		const waves = Object.entries(stages).map(([prefix, size]) => {
			const { promise, resolve } = Promise.withResolvers<void>();
			return { prefix, size, arrived: 0, all: promise, resolve };
		});
		const target = await scripted(fixture, async ({ path }) => {
			const wave = waves.find(({ prefix }) => path.startsWith(prefix));
			if (wave === undefined) return undefined;
			wave.arrived += 1;
			if (wave.arrived === wave.size) wave.resolve();
			await wave.all;
			return undefined;
		});
		await expectOutcome(fixture, target, HARMLESS);
		expect(waves.map(({ arrived }) => arrived)).toEqual([3, 3]);
	});

	test.concurrent('plain HTTP works only with ENVTIER_VAULT_INSECURE_HTTP', async () => {
		const { target, proxy } = await open(false);
		await expectOutcome(
			fixture,
			target,
			failsAtOnce(20, /ENVTIER_VAULT_ADDR must start with https:\/\/ unless/),
		);
		expect(proxy.requests).toEqual([]);
		const insecure = { ...target.env, ENVTIER_VAULT_INSECURE_HTTP: 'true' };
		await expectOutcome(fixture, { ...target, env: insecure }, HARMLESS);
		await proxy[Symbol.asyncDispose]();
	});

	test.concurrent('no environment variable of Node’s switches the verification of certificates off', async () => {
		const target = await served(fixture, {}, { trusted: await makeAuthority() });
		const env = { ...vaultEnv(fixture.vault), ...target.env, NODE_OPTIONS: '--tls-min-v1.0' };
		const pod = await makePod(fixture.vault.jwt());
		const run = await runFetcher(fixture.file, pod, { ...env, NODE_TLS_REJECT_UNAUTHORIZED: '0' });
		expect(run.code).toBe(29);
		await target[Symbol.asyncDispose]();
		await pod.scratch.remove();
	});
});
