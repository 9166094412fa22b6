import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { VARIABLES } from '../../contract/variables.ts';
import { ensurePackages } from '../support/debian.ts';
import { type Limits, makeLimitedGroup, whyNoLimits } from '../support/limits.ts';
import { putSecret } from '../support/openbao-setup.ts';
import { type Backend, startReal, vaultEnv } from './support/backends.ts';
import { buildFetcher, makePod, type Pod, type Run, runFetcher } from './support/fetcher.ts';

/** The folders of the three tiers. */
const FOLDERS = ['orgs/acme/secrets', 'deployments/shop/secrets', 'deployments/shop/services/web/secrets'];
const KEYS = 500;
/** A UID that the system has no name for, as OpenShift assigns them. */
const UID = 1_000_650_000;

let fetcher: string;
let vault: Backend;
let pod: Pod;
beforeAll(async () => {
	[fetcher, vault] = await Promise.all([buildFetcher(), startReal()]);
	for (const [tier, folder] of FOLDERS.entries()) {
		for (let key = 0; key < KEYS; key += 1)
			await putSecret(vault, `${folder}/KEY_${tier}_${key}`, `${key} `.repeat(1024).slice(0, 1024));
	}
}, 120_000);
afterAll(() => vault[Symbol.asyncDispose]());
beforeEach(async () => {
	pod = await makePod(vault.jwt());
});
afterEach(() => pod.scratch.remove());

function expectWritten(run: Run, keys: number): void {
	expect([run.code, run.signal, run.message, run.stderr]).toEqual([0, null, '', '']);
	expect(readFileSync(join(pod.out, 'env'), 'utf8').split('\n')).toHaveLength(keys + 1);
}

const problem = whyNoLimits();

/** Runs a fetcher of its own under limits, so that the limit counts the pages of the executable as well. */
async function fetchUnder(
	limits: Limits,
	env: Readonly<Record<string, string>> = {},
): Promise<{ readonly run: Run; readonly peakMiB: number }> {
	const own = join(pod.scratch.dir, 'fetcher');
	copyFileSync(fetcher, own);
	await using group = await makeLimitedGroup(basename(pod.scratch.dir), limits);
	const run = await runFetcher(own, pod, { ...vaultEnv(vault), ...env }, { launcher: group.launcher });
	return { run, peakMiB: group.peakMiB() };
}

describe(`under limits${problem === undefined ? '' : ` (not run: ${problem})`}`, () => {
	test.skipIf(problem !== undefined)('64 MiB of memory are enough for 3 × 500 keys of 1 KiB', async () => {
		const { run, peakMiB } = await fetchUnder({ memoryMiB: 64 });
		expectWritten(run, FOLDERS.length * KEYS);
		expect(peakMiB).toBeLessThanOrEqual(64);
	});

	test.skipIf(problem !== undefined)('the limit counts: with 8 MiB the kernel ends the fetcher', async () => {
		const { run } = await fetchUnder({ memoryMiB: 8 });
		expect(run.code).not.toBe(0);
		expect(pod.files()).toEqual({});
	});

	test.skipIf(problem !== undefined)(
		'a twentieth of a CPU is enough to end in time',
		async () => {
			const { run } = await fetchUnder({ cpuMillis: 50 }, { ENVTIER_KEYS: 'KEY_0_0,KEY_1_1,KEY_2_2' });
			expectWritten(run, 3);
			expect(run.ms).toBeLessThan(Number(VARIABLES.ENVTIER_DEADLINE.default) * 1_000);
		},
		90_000,
	);
});

const root = process.getuid?.() === 0;
test.skipIf(!root)('any UID can run it, with a root that it cannot write to and without a home', async () => {
	const { dir } = pod.scratch;
	for (const path of [dir, pod.out, pod.tokenFile, pod.terminationLog]) chownSync(path, UID, UID);
	const place = join(dir, 'place');
	mkdirSync(place);
	chmodSync(place, 0o555);
	const own = join(place, 'fetcher');
	copyFileSync(fetcher, own);
	const launcher = ['setpriv', `--reuid=${UID}`, `--regid=${UID}`, '--clear-groups', '--no-new-privs'];
	const env = { ...vaultEnv(vault), ENVTIER_KEYS: 'KEY_0_0', HOME: '/nonexistent', PATH: '/usr/bin' };
	const run = await runFetcher(own, pod, env, { launcher, cwd: place });
	expectWritten(run, 1);
	expect(run.last).toMatchObject({ uid: UID });
});

const lacking = process.arch === 'x64' ? await ensurePackages(['qemu-user-static'], () => undefined) : [];
test.skipIf(process.arch !== 'x64' || lacking.length > 0).each(['Nehalem', 'max,-avx,-avx2,-bmi1,-bmi2'])(
	'a processor without AVX is enough: %s',
	async (cpu) => {
		const launcher = ['/usr/bin/qemu-x86_64-static', '-cpu', cpu];
		const env = { ...vaultEnv(vault), ENVTIER_KEYS: 'KEY_0_0' };
		expectWritten(await runFetcher(fetcher, pod, env, { launcher }), 1);
	},
	120_000,
);
