import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { auditRequests, must, putSecret, removeSecret } from '../../support/openbao-setup.ts';
import { type RunningProcess, runProcess } from '../../support/process.ts';
import { until } from '../../support/until.ts';
import { startReal, vaultEnv } from '../support/backends.ts';
import { buildFetcher, logged, makePod, type Pod, runFetcher, startFetcher } from '../support/fetcher.ts';

const KEY = 'deployments/shop/services/web/secrets/LEVEL';
/** A check, the spread of 10 s and the 10 s before a restart, on a busy machine. */
const RESTART = { timeoutMs: 90_000 };

let fetcher: string;
let vault: Awaited<ReturnType<typeof startReal>>;
beforeAll(async () => {
	fetcher = await buildFetcher();
	vault = await startReal();
});
afterAll(() => vault[Symbol.asyncDispose]());

let pod: Pod;
let privateDir: string;
let sidecar: RunningProcess | undefined;
beforeEach(async () => {
	pod = await makePod(vault.jwt());
	privateDir = join(pod.scratch.dir, 'private');
	mkdirSync(privateDir, { mode: 0o700 });
	await putSecret(vault, KEY, 'one');
});
afterEach(async () => {
	await sidecar?.stop(0);
	sidecar = undefined;
	await removeSecret(vault, KEY);
	await pod.scratch.remove();
});

const env = (mode: 'initial' | 'refresh') => ({
	...vaultEnv(vault),
	ENVTIER_FORMAT: 'json',
	ENVTIER_PRIVATE_DIR: privateDir,
	ENVTIER_REFRESH: '10',
	ENVTIER_SPREAD: '10',
	ENVTIER_ON_CHANGE: 'restart',
	ENVTIER_MODE: mode,
});

async function runInit() {
	const run = await runFetcher(fetcher, pod, env('initial'));
	expect(run.code, run.stdout + run.stderr).toBe(0);
	return run.stdout;
}

async function startSidecar(): Promise<RunningProcess> {
	sidecar = await startFetcher(fetcher, pod, env('refresh'));
	return sidecar;
}

/** The answer of the readiness probe, as the kubelet asks for it. */
async function isReady(): Promise<boolean> {
	const { code, stdout, stderr } = await runProcess({
		command: fetcher,
		args: ['ready'],
		env: { ENVTIER_PRIVATE_DIR: privateDir },
	});
	expect(stdout + stderr).toBe('');
	return code === 0;
}

const privateState = () => JSON.parse(readFileSync(join(privateDir, 'state.json'), 'utf8'));
const level = () => JSON.parse(readFileSync(join(pod.out, 'env.json'), 'utf8')).LEVEL;

/** Changes the secret, and waits until the sidecar has asked for a restart. */
async function changeAndRestart(value: string): Promise<RunningProcess> {
	const running = await startSidecar();
	await putSecret(vault, KEY, value);
	expect(await running.exited).toMatchObject({ code: 97 });
	return running;
}

describe('a sidecar that restarts its pod', () => {
	test('fails its readiness probe for 10 s, writes the files, exits 97 and keeps its token', async () => {
		await runInit();
		const { token } = privateState();
		expect(await isReady()).toBe(true);
		const running = await startSidecar();
		await putSecret(vault, KEY, 'two');
		await until('the pod to leave its endpoints', async () => !(await isReady()), RESTART);
		const left = Date.now();
		expect(level()).toBe('one');
		expect(await running.exited).toMatchObject({ code: 97 });
		expect(Date.now() - left).toBeGreaterThan(8_000);
		expect(level()).toBe('two');
		expect(privateState()).toMatchObject({ token, restart: { requested: true } });
		expect(readFileSync(pod.terminationLog, 'utf8')).toContain('all containers of the pod restart');
		expect(logged(running, 'restarting all containers')[0]).toMatchObject({ keys: ['LEVEL'] });
		expect(running.stdout()).not.toMatch(/two|hvs\.|s\./);
	}, 120_000);

	test('hands files and token to the init container, which asks Vault for nothing', async () => {
		await runInit();
		const { token } = privateState();
		await changeAndRestart('two');
		const audited = await auditRequests(vault);
		const log = await runInit();
		expect(log).toContain('files adopted after a restart of all containers');
		expect(await audited()).toEqual([]);
		await must(vault, 'DELETE', 'sys/audit/file');
		expect(privateState()).toMatchObject({ token, restart: { requested: false, unheeded: false } });
		expect(privateState().pending).toBeUndefined();
		// The next sidecar is ready, and waits for a minute before it restarts again.
		const next = await startSidecar();
		await until('the next sidecar', () => logged(next, 'keeping the secrets current')[0]);
		expect(await isReady()).toBe(true);
		await putSecret(vault, KEY, 'three');
		const line = await until('the change', () => logged(next, 'all containers will restart')[0], RESTART);
		expect(line['seconds']).toBeGreaterThan(20);
	}, 180_000);

	test('starts the application again while Vault is sealed', async () => {
		await runInit();
		await changeAndRestart('two');
		await vault.seal();
		try {
			await runInit();
			expect(level()).toBe('two');
		} finally {
			await vault.unseal();
		}
	}, 120_000);

	test('never exits 97 again when no init container has run since, says so once, and writes changes', async () => {
		await runInit();
		await changeAndRestart('two');
		const second = await startSidecar();
		await until('the warning', () => logged(second, 'did not restart the containers')[0]);
		await putSecret(vault, KEY, 'three');
		await until('the new value', () => level() === 'three', RESTART);
		expect(await isReady()).toBe(true);
		second.signal('SIGTERM');
		expect(await second.exited).toMatchObject({ code: 0 });
		const third = await startSidecar();
		await putSecret(vault, KEY, 'four');
		await until('the new value', () => level() === 'four', RESTART);
		expect(logged(second, 'did not restart the containers')).toHaveLength(1);
		expect(logged(third, 'did not restart the containers')).toEqual([]);
	}, 240_000);

	test('restarts after a kill while it left its endpoints, and is ready until then', async () => {
		await runInit();
		const running = await startSidecar();
		await putSecret(vault, KEY, 'two');
		await until('the pod to leave its endpoints', async () => !(await isReady()), RESTART);
		running.signal('SIGKILL');
		await running.exited;
		const next = await startSidecar();
		await until('the pod to be ready', isReady);
		expect(await next.exited).toMatchObject({ code: 97 });
		expect(level()).toBe('two');
	}, 180_000);

	test('restarts after a kill between the files and the exit', async () => {
		await runInit();
		// What the sidecar saves first, and the files that it writes then.
		const state = privateState();
		await putSecret(vault, KEY, 'two');
		await runFetcher(fetcher, pod, { ...env('initial'), ENVTIER_ON_CHANGE: 'none' });
		writeFileSync(
			join(privateDir, 'state.json'),
			JSON.stringify({ ...state, pending: { keys: ['LEVEL'], revision: 'v1:0' } }),
		);
		expect(level()).toBe('two');
		const running = await startSidecar();
		expect(await running.exited).toMatchObject({ code: 97 });
	}, 120_000);

	test('is ready again when it is stopped before the restart', async () => {
		await runInit();
		const running = await startSidecar();
		await putSecret(vault, KEY, 'two');
		await until('the pod to leave its endpoints', async () => !(await isReady()), RESTART);
		running.signal('SIGTERM');
		expect(await running.exited).toMatchObject({ code: 0 });
		expect(await isReady()).toBe(true);
		expect(level()).toBe('one');
	}, 120_000);

	test('puts the restart off, ready again, when the files cannot be written', async () => {
		await runInit();
		const running = await startSidecar();
		await putSecret(vault, KEY, 'two');
		await until('the pod to leave its endpoints', async () => !(await isReady()), RESTART);
		rmSync(join(pod.out, 'env.json'));
		writeFileSync(join(pod.out, 'env.json'), 'in the way');
		await until('the warning', () => logged(running, 'the restart is put off')[0], RESTART);
		expect(await isReady()).toBe(true);
		rmSync(join(pod.out, 'env.json'));
		expect(await running.exited).toMatchObject({ code: 97 });
		expect(level()).toBe('two');
	}, 240_000);
});

describe('the init container of another user, when the pod restarts', () => {
	test('fetches the newest secrets', async () => {
		await runInit();
		await putSecret(vault, KEY, 'two');
		await runInit();
		expect(level()).toBe('two');
		expect(privateState().restart.last).toBeGreaterThan(Date.now() - 60_000);
	}, 60_000);

	test('keeps its files while Vault is sealed', async () => {
		await runInit();
		await vault.seal();
		try {
			expect(await runInit()).toContain('the files stay as they are');
			expect(level()).toBe('one');
		} finally {
			await vault.unseal();
		}
	}, 60_000);

	test('fails like a first one when a volume has lost its files', async () => {
		await runInit();
		rmSync(join(pod.out, '..data'));
		await vault.seal();
		try {
			const run = await runFetcher(fetcher, pod, { ...env('initial'), ENVTIER_DEADLINE: '2' });
			expect(run.code).toBe(25);
		} finally {
			await vault.unseal();
		}
		expect(existsSync(join(pod.out, '..data'))).toBe(false);
	}, 60_000);
});
