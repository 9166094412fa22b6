import { Agent, createServer, request as forward } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { OpenBao } from '../../support/openbao.ts';

/** What happens to one request to OpenBao. */
export type StepFault =
	| 'pass'
	/** The connection is reset before OpenBao receives the request. */
	| 'cut-before'
	/** OpenBao does it; the connection is reset before the answer is out. */
	| 'cut-after'
	/** OpenBao does not receive the request, and there is no answer. */
	| 'hold'
	/** The proxy answers 500. OpenBao does not receive the request. */
	| 'error'
	/** Answered by the proxy as by a KV engine that has no such path. */
	| 'no-path';

/** A proxy that knows requests, in front of a real OpenBao: the fault of a step is chosen by its number. */
export interface StepProxy extends AsyncDisposable {
	/** `https://127.0.0.1:port`, its certificate from the CA of the OpenBao. */
	readonly addr: string;
	/** From now on; requests count from 1. */
	setFault(fault: (number: number, step: string) => StepFault): void;
	/** `METHOD path` of every request since `setFault`. */
	steps(): readonly string[];
}

/** Starts a proxy. */
export async function startStepProxy(bao: OpenBao): Promise<StepProxy> {
	const leaf = await bao.authority.issue();
	const agent = new Agent({ keepAlive: true, ca: bao.caPem });
	let faultOf: (number: number, step: string) => StepFault = () => 'pass';
	let steps: string[] = [];
	const server = createServer({ cert: leaf.certPem, key: leaf.keyPem }, (request, response) => {
		const { method = 'GET', url = '', headers, socket } = request;
		steps.push(`${method} ${url}`);
		const fault = faultOf(steps.length, `${method} ${url}`);
		if (fault === 'cut-before') {
			socket.destroy();
			return;
		}
		if (fault === 'hold') return;
		if (fault === 'error') {
			request.resume();
			response.writeHead(500).end('{"errors":["made by the test"]}');
			return;
		}
		if (fault === 'no-path') {
			request.resume();
			response
				.writeHead(404)
				.end('{"data":null,"warnings":["Invalid path for a versioned K/V secrets engine."]}');
			return;
		}
		const onward = forward(`${bao.addr}${url}`, { method, headers, agent }, (answer) => {
			const chunks: Buffer[] = [];
			answer.on('data', (chunk: Buffer) => chunks.push(chunk));
			answer.on('end', () => {
				if (fault === 'cut-after') socket.destroy();
				else response.writeHead(answer.statusCode ?? 502, answer.headers).end(Buffer.concat(chunks));
			});
		});
		onward.on('error', () => socket.destroy());
		request.pipe(onward);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	return {
		addr: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
		setFault: (fault) => {
			faultOf = fault;
			steps = [];
		},
		steps: () => steps,
		[Symbol.asyncDispose]: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
				agent.destroy();
			}),
	};
}
