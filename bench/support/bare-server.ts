/** The lower bound of the webhook bench: a Node server with TLS that reads a body and answers a constant. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import process from 'node:process';

const [certificateFile = '', keyFile = ''] = process.argv.slice(2);
const answer = JSON.stringify({ response: 'x'.repeat(2000) });
const server = createServer(
	{ cert: readFileSync(certificateFile), key: readFileSync(keyFile) },
	(request, response) => {
		request.on('data', () => undefined);
		request.on('end', () => response.setHeader('content-length', answer.length).end(answer));
	},
);
// The webhook's timeout for idle connections. Clients need time to generate their bodies.
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () =>
	process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`),
);
