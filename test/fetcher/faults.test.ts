import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startScriptedVault } from '../support/scripted-vault.ts';
import { makeAuthority } from '../support/tls.ts';
import { vaultEnv } from './support/backends.ts';
import { makePod, runFetcher } from './support/fetcher.ts';
import { ANSWERED } from './weathers/answers.ts';
import { CHANGES } from './weathers/changes.ts';
import { CLUSTER } from './weathers/cluster.ts';
import { MALFORMED } from './weathers/http1.ts';
import { NAMES } from './weathers/names.ts';
import { NETWORK } from './weathers/network.ts';
import { TRUST } from './weathers/trust.ts';
import {
	type Case,
	type Expected,
	endure,
	HARMLESS,
	type Place,
	reasonOf,
	scripted,
	served,
	startWeather,
	stays,
	type Weather,
} from './weathers/weather.ts';

let weather: Weather;
beforeAll(async () => {
	weather = await startWeather();
});
afterAll(() => weather[Symbol.asyncDispose]());

/** By the headings of the table in the documentation. */
const WEATHERS: Readonly<Record<string, readonly Case[]>> = {
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

describe.each(Object.keys(WEATHERS))('%s', (heading) => {
	for (const { what, at, root, alone, expected, place, also } of WEATHERS[heading] ?? []) {
		const title = `${what}${at === undefined ? '' : ` (${at})`}: ${outcome(expected)}`;
		const skip = root === true && process.getuid?.() !== 0;
		test(title, { concurrent: alone !== true, skip }, async () => {
			const run = await endure(weather, await place(weather), expected);
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

const tables = Object.entries(WEATHERS).map(([heading, cases]) =>
	[
		`**${heading}**\n`,
		...['| what happens | during | tried again | ends with |', '| --- | --- | --- | --- |'],
		...rowsOf(cases),
	].join('\n'),
);

test('the table in docs/troubleshooting.md says what these tests show', () => {
	const file = join(import.meta.dirname, '../../docs/troubleshooting.md');
	const page = readFileSync(file, 'utf8');
	const begin = '<!-- every weather: written by UPDATE=1 vitest run test/fetcher/faults -->';
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
	): Promise<{ place: Place; proxy: Awaited<ReturnType<typeof startScriptedVault>> }> => {
		const proxy = await startScriptedVault({
			...{ upstream: weather.vault, script: () => undefined, http1Only: true },
			...(tls ? { tls: await weather.authority.issue() } : {}),
		});
		const place: Place = {
			env: { ENVTIER_VAULT_ADDR: proxy.addr, ENVTIER_VAULT_CA: weather.authority.certPem },
			tries: () => 0,
			[Symbol.asyncDispose]: () => Promise.resolve(),
		};
		return { place, proxy };
	};

	test.concurrent('over HTTP/1.1 everything works, over two connections after the one that offered HTTP/2', async () => {
		const { place, proxy } = await open(true);
		const run = await endure(weather, place, HARMLESS);
		expect(proxy.connections()).toBeLessThanOrEqual(3);
		expect(run.last).toMatchObject({ protocol: 'http/1.1' });
		await proxy[Symbol.asyncDispose]();
	});

	test.concurrent.each([0, 1_024, 4_096])(
		'in front of Vault stands a proxy with a header table of %d bytes: one connection for everything',
		async (headerTableSize) => {
			const proxy = await startScriptedVault({
				...{ upstream: weather.vault, script: () => undefined, headerTableSize },
				tls: await weather.authority.issue(),
			});
			const place: Place = {
				env: { ENVTIER_VAULT_ADDR: proxy.addr, ENVTIER_VAULT_CA: weather.authority.certPem },
				tries: () => 0,
				[Symbol.asyncDispose]: () => Promise.resolve(),
			};
			const run = await endure(weather, place, HARMLESS);
			expect([proxy.connections(), run.last?.['protocol']]).toEqual([1, 'h2']);
			await proxy[Symbol.asyncDispose]();
		},
	);

	test.concurrent('login, then all lists at once, then all reads at once: a round trip each', async () => {
		// Each stage is answered when all of its requests are there: were one sent after another's answer, none ever would be.
		// Two keys, and the path of the service's tier, which is empty.
		const stages = { 'secret/metadata/': 3, 'secret/data/': 3 };
		const waves = Object.entries(stages).map(([prefix, size]) => {
			const { promise, resolve } = Promise.withResolvers<void>();
			return { prefix, size, arrived: 0, all: promise, resolve };
		});
		const place = await scripted(weather, async ({ path }) => {
			const wave = waves.find(({ prefix }) => path.startsWith(prefix));
			if (wave === undefined) return undefined;
			wave.arrived += 1;
			if (wave.arrived === wave.size) wave.resolve();
			await wave.all;
			return undefined;
		});
		await endure(weather, place, HARMLESS);
		expect(waves.map(({ arrived }) => arrived)).toEqual([3, 3]);
	});

	test.concurrent('without TLS only where that was said to be wanted', async () => {
		const { place, proxy } = await open(false);
		await endure(weather, place, stays(20, /ENVTIER_VAULT_ADDR must start with https:\/\/ unless/));
		expect(proxy.requests).toEqual([]);
		const insecure = { ...place.env, ENVTIER_VAULT_INSECURE_HTTP: 'true' };
		await endure(weather, { ...place, env: insecure }, HARMLESS);
		await proxy[Symbol.asyncDispose]();
	});

	test.concurrent('no environment variable of Node’s switches the verification of certificates off', async () => {
		const place = await served(weather, {}, { trusted: await makeAuthority() });
		const env = { ...vaultEnv(weather.vault), ...place.env, NODE_OPTIONS: '--tls-min-v1.0' };
		const pod = await makePod(weather.vault.jwt());
		const run = await runFetcher(weather.file, pod, { ...env, NODE_TLS_REJECT_UNAUTHORIZED: '0' });
		expect(run.code).toBe(29);
		await place[Symbol.asyncDispose]();
		await pod.scratch.remove();
	});
});
