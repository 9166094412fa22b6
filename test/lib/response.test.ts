import { createServer, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { readResponse } from '../../lib/http/response.ts';

const LIMIT = 1024;

async function answeredBy(answer: (response: ServerResponse) => void) {
	const server = createServer((_request, response) => answer(response));
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	onTestFinished(() => {
		server.closeAllConnections();
		server.close();
	});
	const { port } = server.address() as AddressInfo;
	const sent = request({ host: '127.0.0.1', port, agent: false });
	return readResponse(sent, undefined, (limit) => new Error(`more than ${limit} bytes`), LIMIT);
}

test('a body at the limit is read, with status and headers', async () => {
	const response = await answeredBy((to) =>
		to.writeHead(404, { 'x-test': 'yes' }).end('é'.repeat(LIMIT / 2)),
	);
	expect(response.status).toBe(404);
	expect(response.headers['x-test']).toBe('yes');
	expect(response.text).toBe('é'.repeat(LIMIT / 2));
});

test('a body of one byte more is an error, also before the server ends it', async () => {
	await expect(answeredBy((to) => void to.write('x'.repeat(LIMIT + 1)))).rejects.toThrow(
		'more than 1024 bytes',
	);
});

test('a connection that ends inside the body is an error', async () => {
	const cut = answeredBy((to) => {
		to.writeHead(200, { 'content-length': 10 });
		to.write('x', () => to.destroy());
	});
	await expect(cut).rejects.toMatchObject({ code: 'ECONNRESET' });
});
