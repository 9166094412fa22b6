import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { VariableName } from '../../../contract/variables.ts';
import { type RunningProcess, runProcess, startProcess } from '../../support/process.ts';
import { type Authority, makeAuthority } from '../../support/tls.ts';
import { until } from '../../support/until.ts';
import { type KubeletVolume, kubeletVolume } from '../support/kubelet-volume.ts';
import { podOf } from '../support/pods.ts';
import { review } from '../support/request.ts';
import { keepAlive, open, openTcp, readAll, send, type Target } from '../support/wire.ts';

const ROOT = join(import.meta.dirname, '../../..');
const GOOD = JSON.stringify(review(podOf()));
const HEAD = `POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${GOOD.length}\r\n\r\n`;

let scratch: string;
let authority: Authority;
let files: KubeletVolume;
beforeAll(async () => {
	scratch = await mkdtemp(join(tmpdir(), 'envtier-bundle-'));
	authority = await makeAuthority();
	files = await kubeletVolume(await authority.issue());
	const built = await runProcess({
		command: process.execPath,
		args: [join(ROOT, 'build.ts'), `--out=${scratch}`, 'webhook'],
		cwd: ROOT,
	});
	expect(built.stderr + built.stdout, 'the bundle').toMatch(/webhook\.mjs|^$/);
	expect(built.code).toBe(0);
});
afterAll(async () => {
	await files[Symbol.asyncDispose]();
	await rm(scratch, { recursive: true, force: true });
});

type Env = Partial<Record<VariableName, string>>;

const env = (overrides: Env): NodeJS.ProcessEnv => ({
	ENVTIER_LISTEN: '127.0.0.1:0',
	ENVTIER_TLS_CERT_FILE: files.certificateFile,
	ENVTIER_TLS_KEY_FILE: files.keyFile,
	ENVTIER_FETCHER_IMAGE: 'envtier-fetcher:test',
	ENVTIER_VAULT_ADDR: 'https://vault.example.com:8200',
	...overrides,
});

const logged = (running: RunningProcess): readonly Readonly<Record<string, unknown>>[] =>
	running
		.stdout()
		.split('\n')
		.filter((line) => line !== '')
		.map((line) => JSON.parse(line));

describe.for([
	['the sources', () => join(ROOT, 'webhook/main.ts')],
	['the bundle that the image holds', () => join(scratch, 'webhook.mjs')],
] as const)('%s', ([, program]) => {
	/** Starts it; ready when this resolves. */
	async function start(overrides: Env = {}): Promise<RunningProcess & { readonly target: Target }> {
		const started = await startProcess({
			command: process.execPath,
			args: [program()],
			env: env(overrides),
			name: 'webhook',
		});
		const serving = () => logged(started).find(({ msg }) => msg === 'serving');
		await started.waitUntil('it serves', serving);
		return { ...started, target: { port: Number(serving()?.['port']), authority } };
	}

	/** Runs it to its end, which must come by itself. */
	async function fails(overrides: Env): Promise<string> {
		const { code, stderr, stdout } = await runProcess({
			command: process.execPath,
			args: [program()],
			env: env(overrides),
		});
		expect(code).toBe(1);
		expect(stdout).toBe('');
		expect(stderr).toMatch(/^envtier-webhook: /);
		expect(stderr, 'a sentence, not a stack').not.toMatch(/^\s+at /m);
		return stderr;
	}

	test('serves', async () => {
		await using running = await start();
		const agent = keepAlive(running.target);
		const reply = await send(running.target, agent, { body: GOOD });
		expect(JSON.parse(reply.text).response.allowed).toBe(true);
		agent.destroy();
	});

	test('warns of a template by which two service accounts can get the same role', async () => {
		const warnings = async (template: string) => {
			await using running = await start({ ENVTIER_DEFAULT_ROLE: template });
			return logged(running).filter(({ msg }) => String(msg).startsWith('ENVTIER_DEFAULT_ROLE is ambiguous'));
		};
		expect(await warnings('{namespace}-{serviceAccount}')).toMatchObject([
			{ level: expect.anything(), template: '{namespace}-{serviceAccount}' },
		]);
		expect(await warnings('{namespace}_{serviceAccount}')).toEqual([]);
	});

	test('ends on SIGTERM: the call in flight is answered, new ones are refused, and the exit code is 0', async () => {
		await using running = await start();
		const { target } = running;
		const socket = await open(target);
		const answer = readAll(socket);
		await new Promise((resolve) => socket.write(HEAD + GOOD.slice(0, 100), resolve));
		const idle = await open(target);
		idle.on('error', () => undefined);
		// Answered after what was written above: by now the server has begun with the call.
		const agent = keepAlive(target);
		await send(target, agent, { body: GOOD });

		running.signal('SIGTERM');
		await until('its end to begin', () => logged(running).some(({ msg }) => msg === 'shutting down'));
		await until('new connections to be refused', () =>
			openTcp(target).then(
				(connection) => void connection.destroy(),
				(error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
			),
		);
		const begun = performance.now();
		socket.write(GOOD.slice(100));
		expect(await answer).toMatch(/^HTTP\/1\.1 200 .*connection: close.*"allowed":true/is);
		expect(await running.exited).toEqual({ code: 0, signal: null });
		expect(performance.now() - begun, 'it waits for nothing else').toBeLessThan(15_000);
		expect(logged(running).at(-1)).toMatchObject({ msg: 'ended' });
		expect(running.stderr()).toBe('');
		agent.destroy();
	});

	test('ends on SIGINT, too', async () => {
		await using running = await start();
		running.signal('SIGINT');
		expect(await running.exited).toEqual({ code: 0, signal: null });
	});

	test('says of each setting that is wrong what is accepted, and does not start', async () => {
		const said = await fails({
			ENVTIER_VAULT_ADDR: 'http://vault-canary:8200',
			ENVTIER_FETCHER_IMAGE: '',
			ENVTIER_DEADLINE: 'soon-canary',
			ENVTIER_LISTEN: 'canary',
		});
		for (const name of ['ENVTIER_VAULT_ADDR', 'ENVTIER_FETCHER_IMAGE', 'ENVTIER_DEADLINE', 'ENVTIER_LISTEN'])
			expect(said).toMatch(new RegExp(`^${name} `, 'm'));
		expect(said).not.toContain('canary');
	});

	test('says which file it cannot read, and does not start', async () => {
		const said = await fails({ ENVTIER_TLS_KEY_FILE: join(scratch, 'nothing.key') });
		expect(said).toMatch(/no certificate to serve with: cannot read the file .*nothing\.key: ENOENT/);
	});

	test('says that its port is in use, and does not start', async () => {
		const squatter = createServer();
		await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
		const address = squatter.address();
		const port = typeof address === 'object' ? address?.port : 0;
		try {
			expect(await fails({ ENVTIER_LISTEN: `127.0.0.1:${port}` })).toContain(
				`cannot listen on 127.0.0.1:${port} (ENVTIER_LISTEN): the address is in use`,
			);
		} finally {
			squatter.close();
		}
	});

	test('says that it cannot have an address of another machine, and does not start', async () => {
		expect(await fails({ ENVTIER_LISTEN: '192.0.2.1:8443' })).toContain(
			'cannot listen on 192.0.2.1:8443 (ENVTIER_LISTEN): this machine has no such address',
		);
	});
});
