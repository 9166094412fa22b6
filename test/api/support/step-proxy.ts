import type { IncomingHttpHeaders } from 'node:http';
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
	/** From now on; requests count from 1. A request waits for a promise. */
	setFault(fault: (number: number, step: string) => StepFault | Promise<StepFault>): void;
	/** Calls `seen` after each answer, with the headers of request and answer. */
	watch(seen: (step: string, request: Headers, answer: Headers) => void): void;
	/** `METHOD path` of every request since `setFault`. */
	steps(): readonly string[];
}

/** Headers by their names in lower case; those with several values have the first. */
type Headers = Readonly<Record<string, string | undefined>>;

/** Starts a proxy. */
export async function startStepProxy(bao: OpenBao): Promise<StepProxy> {
	const leaf = await bao.authority.issue();
	const agent = new Agent({ keepAlive: true, ca: bao.caPem });
	let faultOf: (number: number, step: string) => StepFault | Promise<StepFault> = () => 'pass';
	let steps: string[] = [];
	let watching: Parameters<StepProxy['watch']>[0] = () => undefined;
	const server = createServer({ cert: leaf.certPem, key: leaf.keyPem }, async (request, response) => {
		const { method = 'GET', url = '', headers, socket } = request;
		steps.push(`${method} ${url}`);
		const fault = await faultOf(steps.length, `${method} ${url}`);
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
				watching(`${method} ${url}`, firstOf(headers), firstOf(answer.headers));
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
		watch: (seen) => {
			watching = seen;
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

function firstOf(headers: IncomingHttpHeaders): Headers {
	return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat()[0]]));
}
