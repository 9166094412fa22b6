/**
 * Foreign text (of an API server, a kubeconfig, arguments) reaches the terminal without control sequences.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Scratch, scratch } from '../support/scratch.ts';
import { makeAuthority } from '../support/tls.ts';
import { certs } from './support.ts';

/** Sets the title, clears the screen; a C1 code; turns the writing round; begins a line. */
const EVIL = '\u001b]0;owned\u0007\u001b[2J\u009b31m\r\u202e\u2028evil\nDone.';
const OBEYED = /[^\P{C}\n\t]|[\p{Zl}\p{Zp}]/u;
const CERTS = join(import.meta.dirname, '../../deploy/certs');

let place: Scratch;
let server: Server;
let kubeconfig = '';
beforeAll(async () => {
	place = await scratch('certs-foreign-text');
	const authority = await makeAuthority('Envtier hostile API server');
	const { certPem: cert, keyPem: key } = await authority.issue({ names: ['127.0.0.1'] });
	// An API server that refuses everything.
	server = createServer({ cert, key }, (request, response) => {
		request.resume();
		response.writeHead(403, { 'content-type': 'application/json' });
		const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: EVIL, code: 403 };
		response.end(JSON.stringify(status));
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const ca = Buffer.from(authority.certPem).toString('base64');
	kubeconfig = join(place.dir, 'kubeconfig');
	const config = {
		...{ apiVersion: 'v1', kind: 'Config', 'current-context': EVIL },
		clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority-data': ca } }],
		users: [{ name: 'test', user: { token: 'test-token' } }],
		contexts: [{ name: EVIL, context: { cluster: 'test', user: 'test' } }],
	};
	await writeFile(kubeconfig, JSON.stringify(config));
});
afterAll(async () => {
	await new Promise((resolve) => server?.close(resolve));
	await place?.remove();
});

test.each<readonly [string, readonly string[]]>([
	['a refusal of the API server', []],
	['a refusal of the API server, as JSON', ['--json']],
	['the names of a kubeconfig', ['--context', 'nowhere']],
	['an option that there is not', [`--${EVIL}`]],
])('%s is shown, and obeyed by no terminal', async (_what, args) => {
	const { code, stdout, stderr } = await certs(kubeconfig, ...args);
	expect(code).toBeGreaterThan(0);
	expect(stdout).not.toMatch(OBEYED);
	expect(stderr).not.toMatch(OBEYED);
	expect(stderr).toContain('evil');
});

test('a refusal of the API server is one line, and programs get it whole', async () => {
	const { stdout, stderr } = await certs(kubeconfig, '--json');
	expect(stderr).not.toMatch(/^Done/m);
	const { error } = JSON.parse(stdout) as { error: string };
	expect(error).toContain(EVIL.replace(/\s+/g, ' '));
});

test('nothing else in deploy/certs/ writes to the streams of the process', async () => {
	const files = (await readdir(CERTS)).filter((file) => file.endsWith('.ts'));
	expect(files.length).toBeGreaterThan(10);
	for (const file of files)
		expect(await readFile(join(CERTS, file), 'utf8'), file).not.toMatch(
			/process\.std(?:out|err)\.write|console\./,
		);
});
