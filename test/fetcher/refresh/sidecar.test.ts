import {
	existsSync,
	mkdirSync,
	readFileSync,
	readlinkSync,
	realpathSync,
	rmSync,
	statSync,
	writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
	auditRequests,
	deleteSecret,
	destroySecret,
	must,
	putSecret,
	removeSecret,
	writePolicy,
} from '../../support/openbao-setup.ts';
import type { RunningProcess } from '../../support/process.ts';
import { until } from '../../support/until.ts';
import { startReal, vaultEnv } from '../support/backends.ts';
import {
	buildFetcher,
	logged,
	makePod,
	type Pod,
	runFetcher,
	startFetcher,
	startWithDefect,
} from '../support/fetcher.ts';

const ORG = 'orgs/acme/secrets';
const SERVICE = 'deployments/shop/services/web/secrets';

/** The shortest period; a check comes after 8 to 12 s, the first one at any time before. */
const PERIOD = '10';
/** Time for two checks on a busy machine, in ms. */
const TWO_CHECKS = { timeoutMs: 60_000 };

let fetcher: string;
let vault: Awaited<ReturnType<typeof startReal>>;
beforeAll(async () => {
	fetcher = await buildFetcher();
	vault = await startReal();
	await writePolicy(vault, 'details', 'path "secret/detailed-metadata/*" { capabilities = ["list"] }');
});
afterAll(() => vault[Symbol.asyncDispose]());

let pod: Pod;
let privateDir: string;
let sidecar: RunningProcess | undefined;
beforeEach(async () => {
	pod = await makePod(vault.jwt());
	privateDir = join(pod.scratch.dir, 'private');
	mkdirSync(privateDir, { mode: 0o700 });
	await putSecret(vault, `${ORG}/LEVEL`, 'org-1');
	await putSecret(vault, `${SERVICE}/LEVEL`, 'service-1');
	await putSecret(vault, `${SERVICE}/OTHER`, 'other-1');
});
afterEach(async () => {
	await sidecar?.stop(0);
	sidecar = undefined;
	for (const path of [`${ORG}/LEVEL`, `${SERVICE}/LEVEL`, `${SERVICE}/OTHER`])
		await removeSecret(vault, path);
	await pod.scratch.remove();
});

const env = (more: Readonly<Record<string, string>> = {}) => ({
	...vaultEnv(vault),
	ENVTIER_FORMAT: 'shell,json,files',
	ENVTIER_PRIVATE_DIR: privateDir,
	ENVTIER_REFRESH: PERIOD,
	...more,
});

async function fetchFirst(more: Readonly<Record<string, string>> = {}): Promise<void> {
	const run = await runFetcher(fetcher, pod, env({ ...more, ENVTIER_MODE: 'initial' }));
	expect(run.code, run.stdout + run.stderr).toBe(0);
}

async function startSidecar(more: Readonly<Record<string, string>> = {}): Promise<RunningProcess> {
	sidecar = await startFetcher(fetcher, pod, env({ ...more, ENVTIER_MODE: 'refresh' }));
	return sidecar;
}

const privateState = () => JSON.parse(readFileSync(join(privateDir, 'state.json'), 'utf8'));
const json = () => JSON.parse(readFileSync(join(pod.out, 'env.json'), 'utf8'));

/** Gives the role of the pod these policies. */
async function allowDetails(policies: readonly string[]): Promise<void> {
	const path = 'auth/jwt/role/web';
	const role = ((await must(vault, 'GET', path)) as { data: object }).data;
	await must(vault, 'POST', path, { body: { ...role, token_policies: policies } });
}

/** Whether Vault still knows a token. */
async function isAlive(token: string): Promise<boolean> {
	const answer = await vault.request('POST', 'auth/token/lookup', { body: { token } });
	return answer.status === 200;
}

describe('the init container before a sidecar', () => {
	test('writes a generation behind links, and leaves its token in the private file', async () => {
		await fetchFirst();
		expect(readlinkSync(join(pod.out, 'env'))).toBe('..data/env');
		expect(readlinkSync(join(pod.out, 'files'))).toBe('..data/files');
		expect(json()).toEqual({ LEVEL: 'service-1', OTHER: 'other-1' });
		expect(statSync(join(privateDir, 'state.json')).mode & 0o777).toBe(0o600);
		expect(statSync(realpathSync(join(pod.out, 'env'))).mode & 0o777).toBe(0o600);
		const { token, digests } = privateState();
		expect(await isAlive(token.value)).toBe(true);
		expect(Object.keys(digests)).toEqual(['LEVEL', 'OTHER']);
	});

	test('revokes its token and leaves no private file when a required key is missing', async () => {
		const audited = await auditRequests(vault);
		const run = await runFetcher(fetcher, pod, env({ ENVTIER_MODE: 'initial', ENVTIER_REQUIRE: 'NOWHERE' }));
		expect(run.code).toBe(23);
		expect(existsSync(join(privateDir, 'state.json'))).toBe(false);
		expect((await audited()).map(({ path }) => path)).toContain('auth/token/revoke-self');
		await must(vault, 'DELETE', 'sys/audit/file');
	});
});

describe('the sidecar', () => {
	test('shows a new value, a soft-deleted, an undeleted and a destroyed one within two periods', async () => {
		await fetchFirst();
		const running = await startSidecar();
		await putSecret(vault, `${SERVICE}/LEVEL`, 'service-2');
		await until('the new value', () => json().LEVEL === 'service-2', TWO_CHECKS);
		const [line] = logged(running, 'secrets changed');
		expect(line?.['keys']).toEqual(['LEVEL']);
		expect(line?.['revision']).toMatch(/^v1:[0-9a-f]{32}$/);
		await deleteSecret(vault, `${SERVICE}/LEVEL`);
		await until('the value of the tier below', () => json().LEVEL === 'org-1', TWO_CHECKS);
		await must(vault, 'PUT', `secret/undelete/${SERVICE}/LEVEL`, { body: { versions: [2] } });
		await until('the undeleted value', () => json().LEVEL === 'service-2', TWO_CHECKS);
		await destroySecret(vault, `${SERVICE}/LEVEL`, [2]);
		await until('the value of the tier below', () => json().LEVEL === 'org-1', TWO_CHECKS);
		expect(running.stdout()).not.toMatch(/service-[12]|org-1|other-1/);
	}, 240_000);

	test('uses the token that the init container left, and revokes it when it is stopped', async () => {
		await fetchFirst();
		const { token } = privateState();
		const audited = await auditRequests(vault);
		const running = await startSidecar();
		await putSecret(vault, `${SERVICE}/OTHER`, 'other-2');
		await until('the new value', () => json().OTHER === 'other-2', TWO_CHECKS);
		expect((await audited()).map(({ path }) => path)).not.toContain('auth/jwt/login');
		running.signal('SIGTERM');
		expect(await running.exited).toMatchObject({ code: 0 });
		expect(await isAlive(token.value)).toBe(false);
		expect(privateState().token).toBeUndefined();
		await must(vault, 'DELETE', 'sys/audit/file');
	}, 120_000);

	test('logs in again when its token was revoked', async () => {
		await fetchFirst();
		await must(vault, 'POST', 'auth/token/revoke', { body: { token: privateState().token.value } });
		await startSidecar();
		await putSecret(vault, `${SERVICE}/OTHER`, 'other-2');
		await until('the new value', () => json().OTHER === 'other-2', TWO_CHECKS);
	}, 120_000);

	test('writes nothing while nothing changes, and asks one request a tier where the policy allows it', async () => {
		await allowDetails(['web', 'details']);
		try {
			await fetchFirst();
			const generation = readlinkSync(join(pod.out, '..data'));
			const audited = await auditRequests(vault);
			await startSidecar();
			const requested = async () => (await audited()).map(({ path }) => path);
			const lists = async () =>
				(await requested()).filter((path) => path.startsWith('secret/detailed-metadata/')).length;
			await until('two checks of three tiers', async () => (await lists()) >= 6, { timeoutMs: 90_000 });
			const paths = await requested();
			// The first check reads, for it knows no state; those that follow compare.
			const reads = paths.filter((path) => path.startsWith(`secret/data/${SERVICE}/`));
			expect(reads).toHaveLength(2);
			expect(readlinkSync(join(pod.out, '..data'))).toBe(generation);
			await must(vault, 'DELETE', 'sys/audit/file');
		} finally {
			await allowDetails(['web']);
		}
	}, 180_000);

	test('lists and reads where the policy does not allow one request a tier, and asks for it once', async () => {
		await fetchFirst();
		const audited = await auditRequests(vault);
		await startSidecar();
		const sent = async (beginning: string) =>
			(await audited()).filter(({ path }) => path.startsWith(beginning)).length;
		await until('three checks of three tiers', async () => (await sent('secret/metadata/')) >= 9, {
			timeoutMs: 90_000,
		});
		expect(await sent('secret/detailed-metadata/')).toBe(3);
		await must(vault, 'DELETE', 'sys/audit/file');
	}, 120_000);

	test('lists and reads a tier whose metadata is longer than an answer may be', async () => {
		await allowDetails(['web', 'details']);
		const folder = 'deployments/shop/services/noted/secrets';
		// The most that Vault takes for one key. Who may write secrets can write it.
		const custom_metadata = Object.fromEntries(
			Array.from({ length: 64 }, (_, i) => [`note-${i}`, 'x'.repeat(512)]),
		);
		const keys = Array.from({ length: 280 }, (_, i) => `KEY_${i}`);
		for (let first = 0; first < keys.length; first += 20)
			await Promise.all(
				keys.slice(first, first + 20).map(async (key) => {
					await putSecret(vault, `${folder}/${key}`, 'one');
					await must(vault, 'POST', `secret/metadata/${folder}/${key}`, { body: { custom_metadata } });
				}),
			);
		try {
			const noted = { ENVTIER_SERVICE: 'noted' };
			await fetchFirst(noted);
			const running = await startSidecar(noted);
			await putSecret(vault, `${folder}/KEY_7`, 'two');
			await until('the new value', () => json().KEY_7 === 'two', TWO_CHECKS);
			expect(logged(running, 'check of the secrets failed')).toEqual([]);
		} finally {
			await allowDetails(['web']);
		}
	}, 180_000);

	test('keeps the last files while Vault is sealed, says so once, and goes on afterwards', async () => {
		await fetchFirst();
		await vault.seal();
		const running = await startSidecar();
		await until('a failed check', () => logged(running, 'check of the secrets failed')[0], TWO_CHECKS);
		expect(json()).toEqual({ LEVEL: 'service-1', OTHER: 'other-1' });
		await vault.unseal();
		await until('a check that succeeds', () => logged(running, 'succeeded again')[0], TWO_CHECKS);
		expect(logged(running, 'check of the secrets failed')).toHaveLength(1);
	}, 180_000);

	test('repeats a write that failed, although nothing changes in Vault meanwhile', async () => {
		await allowDetails(['web', 'details']);
		try {
			await fetchFirst();
			const running = await startSidecar();
			rmSync(join(pod.out, 'env'));
			writeFileSync(join(pod.out, 'env'), 'in the way');
			await putSecret(vault, `${SERVICE}/OTHER`, 'other-2');
			await until('the failed write', () => logged(running, 'is in the way')[0], TWO_CHECKS);
			rmSync(join(pod.out, 'env'));
			await until('the new value', () => json().OTHER === 'other-2', TWO_CHECKS);
		} finally {
			await allowDetails(['web']);
		}
	}, 180_000);

	test('keeps the last files when a required key has gone', async () => {
		await fetchFirst({ ENVTIER_REQUIRE: 'OTHER' });
		const running = await startSidecar({ ENVTIER_REQUIRE: 'OTHER' });
		await deleteSecret(vault, `${SERVICE}/OTHER`);
		const line = await until('the warning', () => logged(running, 'files stay as they are')[0], TWO_CHECKS);
		expect(line.msg).toContain('OTHER');
		expect(json().OTHER).toBe('other-1');
	}, 120_000);
});

describe('the log of a sidecar without a change', () => {
	/** Its date goes ahead by an hour, once. The time of the checks does not depend on the date. */
	const HOUR_AHEAD = `
const date = Date.now;
const start = date();
Date.now = () => date() + (date() - start > 1_000 ? 3_600_000 : 0);
`;

	test("has the revision after an hour, for 'envtier status'", async () => {
		await fetchFirst();
		const { revision } = privateState();
		sidecar = await startWithDefect(HOUR_AHEAD, pod, env({ ENVTIER_MODE: 'refresh' }));
		const running = sidecar;
		const said = () => logged(running, 'secrets are current');
		expect(await until('the line', () => said()[0], TWO_CHECKS)).toMatchObject({ revision });
		const audited = await auditRequests(vault);
		// The next check says nothing: the hour begins anew.
		await until(
			'a check',
			async () => (await audited()).some(({ path }) => path.includes('metadata')),
			TWO_CHECKS,
		);
		await must(vault, 'DELETE', 'sys/audit/file');
		expect(said()).toHaveLength(1);
	}, 120_000);
});

describe('a request through the file of the annotation', () => {
	const DAY = { ENVTIER_REFRESH: '86400' };

	test('has a sidecar check at once, and is not served again after a restart', async () => {
		const requestFile = join(pod.scratch.dir, 'refresh-requested');
		const settings = { ...DAY, ENVTIER_REQUEST_FILE: requestFile };
		writeFileSync(requestFile, '');
		await fetchFirst(settings);
		const running = await startSidecar(settings);
		await putSecret(vault, `${SERVICE}/OTHER`, 'other-2');
		writeFileSync(requestFile, '2026-11-28T12:00:00Z');
		await until('the new value', () => json().OTHER === 'other-2');
		await until('the result', () => logged(running, 'secrets are current')[0]);
		expect(logged(running, 'a check was requested')).toHaveLength(1);
		expect(privateState().request).toBe('2026-11-28T12:00:00Z');
		running.signal('SIGKILL');
		await running.exited;
		const next = await startSidecar(settings);
		writeFileSync(requestFile, '2026-11-28T12:00:07Z');
		const line = await until('the next one', () => logged(next, 'a check was requested')[0]);
		expect(line['request']).toBe('2026-11-28T12:00:07Z');
	}, 120_000);

	test('shows a failure in the log each time, although it is the same', async () => {
		const requestFile = join(pod.scratch.dir, 'refresh-requested');
		const settings = { ...DAY, ENVTIER_REQUEST_FILE: requestFile, ENVTIER_REQUIRE: 'OTHER' };
		await fetchFirst(settings);
		const running = await startSidecar(settings);
		await deleteSecret(vault, `${SERVICE}/OTHER`);
		writeFileSync(requestFile, 'one');
		await until('the first failure', () => logged(running, 'files stay as they are')[0]);
		writeFileSync(requestFile, 'two');
		await until('the second failure', () => logged(running, 'files stay as they are')[1]);
		expect(json().OTHER).toBe('other-1');
	}, 120_000);
});

describe('a POST after a change', () => {
	/** An application that answers with these statuses, one after another; the last one stays. */
	async function application(...statuses: number[]) {
		const bodies: { headers: IncomingMessage['headers']; body: string; url: string | undefined }[] = [];
		const server: Server = createServer(async (request, response) => {
			let body = '';
			for await (const chunk of request) body += chunk;
			bodies.push({ headers: request.headers, body, url: request.url });
			response.statusCode = statuses.length > 1 ? (statuses.shift() ?? 200) : (statuses[0] ?? 200);
			response.end();
		});
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		return {
			bodies,
			port: (server.address() as AddressInfo).port,
			[Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
		};
	}

	test('names the keys and the revision and holds no value, and comes again until it is accepted', async () => {
		await using app = await application(503, 200);
		const action = { ENVTIER_ON_CHANGE: `http://localhost:${app.port}/-/reload?a=b` };
		await fetchFirst(action);
		const running = await startSidecar(action);
		await putSecret(vault, `${SERVICE}/OTHER`, 'other-2');
		await until('the second POST', () => app.bodies[1], TWO_CHECKS);
		await until('the delivery', () => logged(running, 'application notified')[0], TWO_CHECKS);
		expect(app.bodies.map(({ url }) => url)).toEqual(['/-/reload?a=b', '/-/reload?a=b']);
		const body = JSON.parse(app.bodies[1]?.body ?? '');
		expect(body).toEqual({ keys: ['OTHER'], revision: expect.stringMatching(/^v1:/) });
		expect(json().OTHER).toBe('other-2');
		expect(privateState().pending).toBeUndefined();
	}, 120_000);

	test('is sent by the next sidecar when the first one was killed before the delivery', async () => {
		const action = (port: number) => ({ ENVTIER_ON_CHANGE: `http://localhost:${port}/reload` });
		// Nobody listens there.
		await fetchFirst(action(1));
		const first = await startSidecar(action(1));
		await putSecret(vault, `${SERVICE}/OTHER`, 'other-2');
		await until('the change', () => logged(first, 'could not be notified')[0], TWO_CHECKS);
		first.signal('SIGKILL');
		await first.exited;
		await using app = await application(200);
		await startSidecar(action(app.port));
		const found = await until('the POST', () => app.bodies[0], TWO_CHECKS);
		expect(JSON.parse(found.body).keys).toEqual(['OTHER']);
	}, 180_000);
});
