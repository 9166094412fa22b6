import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect, test } from 'vitest';
import { call } from '../support/http.ts';
import { startOpenBao } from '../support/openbao.ts';
import { runProcess, startProcess } from '../support/process.ts';
import { makeAuthority } from '../support/tls.ts';
import { until } from '../support/until.ts';
import { kubeletVolume } from '../webhook/support/kubelet-volume.ts';
import { caller } from './support/api.ts';
import { vaultEnv } from './support/both.ts';
import { startApiProcess } from './support/process.ts';

const ROOT = join(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'api/main.ts');
const alice = caller('user:alice');
/** The files are looked at every ten seconds. */
const PATIENT = { timeoutMs: 60_000 } as const;
const authorization = `Bearer ${alice.key}`;

test('with the memory store alone it starts, warns loudly, and gives a key to try it with', async () => {
	await using api = await startProcess({
		name: 'api',
		command: process.execPath,
		args: [MAIN],
		env: { ENVTIER_API_STORE: 'memory', ENVTIER_API_LISTEN: '127.0.0.1:0' },
	});
	await api.waitUntil('it serves', () => api.stdout().includes('"msg":"serving"'));
	expect(api.stderr()).toContain('DEVELOPMENT ONLY');
	const [key] = /envtier_\S+/.exec(api.stderr()) ?? [];
	const port = /"port":([0-9]+)/.exec(api.stdout())?.[1];
	const url = `http://127.0.0.1:${port}/api/secrets`;
	expect((await call({ url, headers: { authorization: `Bearer ${key}` } })).status).toBe(200);
	expect((await call({ url })).status).toBe(401);
	expect(api.stdout()).not.toContain(key);
});

test('bundled into one file it needs nothing beside it', { timeout: 120_000 }, async () => {
	const dir = await mkdtemp(join(tmpdir(), 'envtier-api-bundle-'));
	try {
		const build = join(ROOT, 'build.ts');
		const built = await runProcess({
			command: process.execPath,
			args: [build, `--out=${dir}`, 'api'],
			cwd: ROOT,
		});
		expect(built).toMatchObject({ code: 0 });
		await using api = await startProcess({
			name: 'api',
			command: process.execPath,
			args: [join(dir, 'api.mjs')],
			env: { ENVTIER_API_STORE: 'memory', ENVTIER_API_LISTEN: '127.0.0.1:0' },
			cwd: dir,
		});
		await api.waitUntil('it serves', () => api.stdout().includes('"msg":"serving"'));
		const port = /"port":([0-9]+)/.exec(api.stdout())?.[1];
		const described = await call({ url: `http://127.0.0.1:${port}/openapi.json` });
		expect(described.json).toMatchObject({ openapi: '3.1.0' });
		// The Kubernetes client whole is three times as much, to read at every start and to keep in memory.
		expect((await stat(join(dir, 'api.mjs'))).size).toBeLessThan(6_000_000);
	} finally {
		await rm(dir, { recursive: true, force: true });
	}
});

test('without a store it starts and answers 503', async () => {
	await using api = await startApiProcess({}, [alice]);
	const caPem = api.authority.certPem;
	const answer = await call({ url: `${api.url}/api/secrets`, caPem, headers: { authorization } });
	expect(answer).toMatchObject({
		status: 503,
		json: { error: expect.stringContaining('ENVTIER_API_STORE') },
	});
	expect((await call({ url: `${api.url}/readyz`, caPem })).status).toBe(503);
	expect((await call({ url: `${api.url}/healthz`, caPem })).status).toBe(200);
});

test('over TLS on a Vault: ready, then not ready while Vault is sealed, and a call in flight ends before the process does', async () => {
	await using bao = await startOpenBao();
	await using api = await startApiProcess({ ENVTIER_API_STORE: 'vault', ...(await vaultEnv(bao)) }, [alice]);
	const caPem = api.authority.certPem;
	const ready = async () => (await call({ url: `${api.url}/readyz`, caPem })).status;
	expect(await ready()).toBe(200);
	await bao.seal();
	await until('it to say that it is not ready', async () => (await ready()) === 503);
	await bao.unseal();
	await until('it to say that it is ready', async () => (await ready()) === 200);
	// Half a body: the call is under way when the signal comes.
	const body = JSON.stringify({ key: 'A', value: 'v' });
	const headers = { authorization, 'content-type': 'application/json', 'content-length': body.length };
	const sent = request(`${api.url}/api/secrets`, { method: 'POST', ca: caPem, agent: false, headers });
	const answered = new Promise<number>((resolve, reject) => {
		sent.on('response', (response) => resolve(response.statusCode ?? 0));
		sent.on('error', reject);
	});
	sent.write(body.slice(0, 5));
	// The server has the head once it has answered something sent after it.
	await ready();
	api.process.signal('SIGTERM');
	await until('it to shut down', () => api.process.stdout().includes('"msg":"shutting down"'));
	sent.end(body.slice(5));
	expect(await answered).toBe(201);
	expect(await api.process.exited).toEqual({ code: 0, signal: null });
	expect(api.process.stdout()).toContain('"action":"secrets.create"');
});

test('a new certificate is served without a restart; one that is no good leaves the old one', async () => {
	await using api = await startApiProcess({ ENVTIER_API_STORE: 'memory' }, [alice]);
	const caPem = api.authority.certPem;
	const shown = () =>
		new Promise<string>((resolve, reject) => {
			const socket = connect({ port: Number(new URL(api.url).port), host: '127.0.0.1', ca: caPem }, () => {
				resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
				socket.destroy();
			});
			socket.on('error', reject);
		});
	const before = await shown();
	const next = await api.authority.issue();
	// Without its key it is no good.
	await writeFile(join(api.dir, 'tls.crt'), next.certPem);
	await until(
		'it to refuse the pair',
		() => api.process.stdout().includes('new certificate refused'),
		PATIENT,
	);
	expect(await shown()).toBe(before);
	await writeFile(join(api.dir, 'tls.key'), next.keyPem);
	await until('it to show the new one', async () => (await shown()) !== before, PATIENT);
	expect(await shown()).toBe(new X509Certificate(next.certPem).fingerprint256);
	expect((await call({ url: `${api.url}/healthz`, caPem })).status).toBe(200);
});

test('with an expired certificate it does not start, and says why', async () => {
	await using files = await kubeletVolume(await (await makeAuthority()).issue({ expired: true }));
	const ended = await runProcess({
		command: process.execPath,
		args: [MAIN],
		env: {
			ENVTIER_API_STORE: 'memory',
			ENVTIER_API_LISTEN: '127.0.0.1:0',
			ENVTIER_API_TLS_CERT_FILE: files.certificateFile,
			ENVTIER_API_TLS_KEY_FILE: files.keyFile,
		},
	});
	expect(ended.code).toBe(1);
	expect(ended.stderr).toMatch(
		/no certificate to serve with: the certificate was valid until \S+, which has passed/,
	);
});

test('audit lines can go to a file of their own, which nobody else may read', async () => {
	const dir = await mkdtemp(join(tmpdir(), 'envtier-api-audit-'));
	try {
		const file = join(dir, 'audit.log');
		const env = { ENVTIER_API_STORE: 'memory', ENVTIER_API_AUDIT_FILE: file };
		await using api = await startApiProcess(env, [alice]);
		const caPem = api.authority.certPem;
		const body = { key: 'A', value: 'canary-of-the-file' };
		const url = `${api.url}/api/secrets`;
		expect((await call({ url, method: 'POST', caPem, headers: { authorization }, body })).status).toBe(201);
		expect((await call({ url, caPem })).status).toBe(401);
		const lines = await until('all lines', async () => {
			const text = await readFile(file, 'utf8');
			return text.split('\n').length === 4 ? text : undefined;
		});
		expect(lines).toMatch(/"phase":"intent".*\n.*"result":"done".*\n.*"result":"refused"/);
		expect(lines).not.toContain('canary-of-the-file');
		expect(api.process.stdout()).not.toContain('"type":"audit"');
		expect((await stat(file)).mode & 0o777).toBe(0o600);
	} finally {
		await rm(dir, { recursive: true, force: true });
	}
});

test('an audit file that cannot be written is told at the start; one that breaks later costs no line and no call', async () => {
	const dir = await mkdtemp(join(tmpdir(), 'envtier-api-audit-'));
	try {
		const nowhere = join(dir, 'nowhere', 'audit.log');
		const refused = await runProcess({
			command: process.execPath,
			args: [MAIN],
			env: {
				ENVTIER_API_STORE: 'memory',
				ENVTIER_API_LISTEN: '127.0.0.1:0',
				ENVTIER_API_AUDIT_FILE: nowhere,
			},
		});
		expect(refused.code).toBe(1);
		expect(refused.stderr).toContain(`ENVTIER_API_AUDIT_FILE: ${nowhere} cannot be written (ENOENT)`);

		const folder = join(dir, 'audit');
		await mkdir(folder);
		const env = { ENVTIER_API_STORE: 'memory', ENVTIER_API_AUDIT_FILE: join(folder, 'audit.log') };
		await using api = await startApiProcess(env, [alice]);
		await rm(folder, { recursive: true });
		const list = () =>
			call({ url: `${api.url}/api/secrets`, caPem: api.authority.certPem, headers: { authorization } });
		expect([(await list()).status, (await list()).status]).toEqual([200, 200]);
		await until('both result lines', () => api.process.stdout().split('"phase":"result"').length === 3);
		expect(api.process.stdout()).toContain('the audit file cannot be written');
		await mkdir(folder);
		expect((await list()).status).toBe(200);
		await until('the third line in the file', async () =>
			(await readFile(join(folder, 'audit.log'), 'utf8').catch(() => '')).includes('"secrets.list"'),
		);
	} finally {
		await rm(dir, { recursive: true, force: true });
	}
});

test('an API that logs in by Kubernetes or a token file says which setting is wrong', async () => {
	const env = {
		ENVTIER_API_STORE: 'vault',
		ENVTIER_API_LISTEN: '0.0.0.0:0',
		ENVTIER_VAULT_ADDR: 'http://vault.example',
		ENVTIER_API_OIDC_ISSUER: 'http://issuer.example',
		ENVTIER_API_BODY_LIMIT: 'much',
	};
	const ended = await runProcess({ command: process.execPath, args: [MAIN], env });
	expect(ended.code).toBe(1);
	for (const name of [
		'ENVTIER_API_LISTEN',
		'ENVTIER_VAULT_ADDR',
		'ENVTIER_API_VAULT_ROLE',
		'ENVTIER_API_OIDC_ISSUER',
		'ENVTIER_API_BODY_LIMIT',
	])
		expect(ended.stderr).toContain(name);
});

test('--new-key makes a key and its entry, which is let in', async () => {
	const args = [MAIN, '--new-key', '--subject', 'user:ci', '--org', 'acme', '--scopes', 'secrets:read'];
	const made = await runProcess({ command: process.execPath, args });
	expect(made.code).toBe(0);
	const { keys } = JSON.parse(made.stdout) as { keys: [{ hash: string }] };
	const text = made.stderr.trim();
	expect(made.stdout).not.toContain(text);
	await using api = await startApiProcess({ ENVTIER_API_STORE: 'memory' }, [
		{ key: text, record: keys[0] as never },
	]);
	const caPem = api.authority.certPem;
	const answer = await call({
		url: `${api.url}/api/secrets`,
		caPem,
		headers: { authorization: `Bearer ${text}` },
	});
	expect(answer.status).toBe(200);
	const wrong = await runProcess({ command: process.execPath, args: [MAIN, '--new-key'] });
	expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('--subject') });
});
