import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type ProcessOptions, runProcess, startProcess } from '../support/process.ts';
import { until } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Where the demo puts its temporary things, so that what is left of them can be seen. */
let home: string;

beforeEach(async () => {
	home = await mkdtemp(join(tmpdir(), 'envtier-demo-test-'));
});

afterEach(async () => {
	const left = await readdir(home);
	const running = await processesThatKnow(home);
	await rm(home, { recursive: true, force: true });
	expect(left, 'left in the temporary directory').toEqual([]);
	expect(running, 'left running').toEqual([]);
});

function demo(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): ProcessOptions {
	return {
		name: 'the demo',
		command: process.execPath,
		args: [join(ROOT, 'dev/demo/main.ts'), ...args],
		cwd: ROOT,
		env: { PATH: process.env['PATH'], TMPDIR: home, ...env },
	};
}

/** Processes whose environment names `dir`; the webhook's does. Only Linux tells. */
async function processesThatKnow(dir: string): Promise<string[]> {
	if (process.platform !== 'linux') return [];
	const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
	const environments = await Promise.all(
		pids.map(async (pid) => ({ pid, text: await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '') })),
	);
	return environments.filter(({ text }) => text.includes(dir)).map(({ pid }) => pid);
}

/** The values of the demo and of examples/vault.yaml that cannot occur in the output by chance. */
async function secretValues(): Promise<string[]> {
	const { orgs, deployments } = parse(await readFile(join(ROOT, 'examples/vault.yaml'), 'utf8'));
	const tiers = [orgs.acme, deployments.shop.secrets, deployments.shop.services.web] as Record<
		string,
		string
	>[];
	const theirs = tiers.flatMap((tier) => Object.values(tier)).filter((value) => value.length > 10);
	return [...theirs, 'not-a-real-token-5'];
}

describe('make demo', () => {
	test('shows the pod, the change, a new secret, the fetch, the application, a refusal and what is next, and no value', async () => {
		const { code, stdout, stderr } = await runProcess(demo());

		expect(stderr).toBe('');
		expect(code).toBe(0);
		const [, written, admission, secret, fetch, application, refusal] =
			stdout.split(/^\d {2}|^What to try next/m);
		const pod = await readFile(join(ROOT, 'examples/pod.yaml'), 'utf8');
		for (const line of pod.trimEnd().split('\n')) expect(written).toContain(line);
		expect(admission).toMatch(/^ +\+ +- name: envtier-fetch$/m);
		expect(admission).toMatch(/^ +\+ +audience: vault$/m);
		expect(admission).not.toMatch(/^ +- {2}/m);
		expect(secret).toMatch(
			/^ +\$ get-it-from-somewhere \| envtier secrets set PARTNER_TOKEN --deployment shop --service web/m,
		);
		expect(secret).toMatch(/^ +created PARTNER_TOKEN in deployment shop, service web$/m);
		expect(secret).toContain('"actor":"user:you","action":"secrets.create"');
		expect(fetch).toMatch(/^ +PARTNER_TOKEN +service +–$/m);
		expect(fetch).toMatch(/^ +DATABASE_URL +service +deployment$/m);
		expect(fetch).toMatch(/^ +LOG_LEVEL +deployment +org$/m);
		expect(fetch).toMatch(/^ +SMTP_HOST +org +–$/m);
		expect(fetch).toContain('1 login, 3 lists, 7 reads, 1 revocation');
		expect(application).toMatch(/^ +GREETING +40$/m);
		expect(application).toMatch(/^ +PARTNER_TOKEN +18$/m);
		expect(refusal).toContain(
			'admission webhook "inject.envtier.dev" denied the request: annotation "envtier.dev/sevrice" is unknown: did you mean envtier.dev/service?',
		);
		expect(stdout).toContain('make demo VALUES=1');
		const values = await secretValues();
		expect(values.length).toBeGreaterThan(5);
		for (const line of values.flatMap((value) => value.split('\n'))) expect(stdout).not.toContain(line);
	});

	test('shows the values of the tiers that win when it is asked to', async () => {
		const { code, stdout } = await runProcess(demo(['--show-values']));

		expect(code).toBe(0);
		expect(stdout).toMatch(
			/^ +DATABASE_URL +53 +"postgres:\/\/web:not-a-real-password-4@db.shop.svc\/shop"$/m,
		);
		expect(stdout).toMatch(/^ +PARTNER_TOKEN +18 +"not-a-real-token-5"$/m);
		expect(stdout).toContain(JSON.stringify('It\'s $HOME, "sweet" `home`.\nSecond line.'));
		expect(stdout).not.toContain('not-a-real-password-2');
	});

	test('shows whatever pod and secrets it is given', async () => {
		const pod = join(home, 'pod.yaml');
		const secrets = join(home, 'secrets.yaml');
		const example = await readFile(join(ROOT, 'examples/pod.yaml'), 'utf8');
		await writeFile(
			pod,
			example.replace('deployment: shop', 'deployment: other').replace('DATABASE_URL', 'A'),
		);
		await writeFile(secrets, 'orgs: { acme: { A: one } }\ndeployments: { other: { secrets: { B: two } } }\n');

		const { code, stdout, stderr } = await runProcess(demo(['--pod', pod, '--secrets', secrets]));
		await Promise.all([rm(pod), rm(secrets)]);

		expect(stderr).toBe('');
		expect(code).toBe(0);
		expect(stdout).toMatch(/^ +A +org +–\n +B +deployment +–\n +PARTNER_TOKEN +service +–$/m);
		expect(stdout).toMatch(/^ +A +3\n +B +3\n/m);
		expect(stdout).not.toContain('DATABASE_URL');
	});

	test('has colours for a terminal, and none where NO_COLOR or a pipe forbids them', async () => {
		const colour = '\u001b[';
		const outputs = await Promise.all([
			runProcess(demo([], { FORCE_COLOR: '1' })),
			runProcess(demo([], { NO_COLOR: '1' })),
			runProcess(demo()),
		]);

		expect(outputs.map(({ stdout }) => stdout.includes(colour))).toEqual([true, false, false]);
		expect(outputs[0]?.stdout).toMatch(/\[32m\+ +- name: envtier-fetch/);
	});

	test.for([
		[
			'a pod that the webhook refuses',
			['--pod', 'examples/native-env.yaml'],
			'the webhook refuses the pod: ',
		],
		['a file that holds no pod', ['--pod', 'examples/cronjob.yaml'], 'holds no pod but CronJob'],
		['a file that is not there', ['--secrets', 'examples/none.yaml'], 'examples/none.yaml'],
		['an option that does not exist', ['--colour'], "Unknown option '--colour'"],
	] as const)('says what is wrong, and fails, with %s', async ([, args, message]) => {
		const { code, stderr } = await runProcess(demo(args));

		expect(code).toBe(1);
		expect(stderr).toContain('The demo stopped:');
		expect(stderr).toContain(message);
	});

	test('says what the fetcher said when it cannot do its work', async () => {
		const secrets = join(home, 'secrets.yaml');
		await writeFile(secrets, 'roles: { other: {} }\n');

		const { code, stderr } = await runProcess(demo(['--secrets', secrets]));
		await rm(secrets);

		expect(code).toBe(1);
		expect(stderr).toContain('the fetcher ended with 21: login-refused: role "shop_web"');
	});

	test('says so when there is no shell to run the application with', async () => {
		const { code, stderr } = await runProcess(demo([], { PATH: '/nonexistent' }));

		expect(code).toBe(1);
		expect(stderr).toContain('"sh" can\'t be started');
	});

	test('cleans up when it is interrupted', async () => {
		await using running = await startProcess(demo());
		await until('its temporary directory', async () => (await readdir(home)).length > 0, { everyMs: 10 });
		running.signal('SIGINT');

		expect(await running.exited).toEqual({ code: 130, signal: null });
	});
});
