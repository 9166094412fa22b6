/** The API with a Vault below a path, or with another name in its certificate than in its address. */
import { createServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { makeAuthority } from '../support/tls.ts';
import { caller, startApi } from './support/api.ts';
import { apiToken } from './support/stores.ts';

const NAME = 'vault.internal.example';
const alice = caller('user:alice');
const authority = await makeAuthority('CA of a reverse proxy');
const serverNames: unknown[] = [];
let bao: OpenBao;
let token: string;
let port: number;

// It serves OpenBao below /vault, with a certificate for NAME alone.
const leaf = await authority.issue({ names: [NAME] });
const front = createServer({ cert: leaf.certPem, key: leaf.keyPem }, (request, response) => {
	serverNames.push((request.socket as TLSSocket).servername);
	const url = request.url ?? '';
	if (!url.startsWith('/vault/v1/')) {
		response.writeHead(404).end();
		return;
	}
	const onwards = httpsRequest(new URL(url.slice('/vault'.length), bao.addr), {
		method: request.method,
		headers: { ...request.headers, host: new URL(bao.addr).host },
		...{ ca: bao.caPem, agent: false },
	});
	onwards.once('response', (answer) => {
		response.writeHead(answer.statusCode ?? 502, answer.headers);
		answer.pipe(response);
	});
	// Who is cut off at the end of the tests.
	onwards.once('error', () => response.destroy());
	request.pipe(onwards);
});

beforeAll(async () => {
	bao = await startOpenBao();
	token = await apiToken(bao);
	await new Promise<void>((resolve) => void front.listen(0, '127.0.0.1', resolve));
	port = (front.address() as AddressInfo).port;
});
afterAll(async () => {
	front.closeAllConnections();
	front.close();
	await bao?.stop();
});

/** What the API answers to a list of secrets, and what it logs. */
async function listed(tlsName: Readonly<Record<string, string>>) {
	await using api = await startApi({
		callers: [alice],
		env: {
			ENVTIER_VAULT_ADDR: `https://127.0.0.1:${port}/vault`,
			ENVTIER_VAULT_CA: authority.certPem,
			ENVTIER_API_VAULT_TOKEN: token,
			...tlsName,
		},
	});
	const { status } = await api.send('GET', '/api/org/secrets', { as: alice });
	return { status, output: api.output() };
}

test('the name of the setting is the one that the certificate must have, and the TLS server name', async () => {
	serverNames.length = 0;
	expect((await listed({ ENVTIER_VAULT_TLS_NAME: NAME })).status).toBe(200);
	expect(new Set(serverNames)).toEqual(new Set([NAME]));
});

test.for([[{}], [{ ENVTIER_VAULT_TLS_NAME: 'other.example' }]])(
	'with %o the certificate is refused, and the log names the setting',
	async ([tlsName = {}]) => {
		const { status, output } = await listed(tlsName);
		expect(status).toBe(500);
		expect(output).toContain('ENVTIER_VAULT_TLS_NAME');
	},
);
