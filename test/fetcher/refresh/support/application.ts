import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An application that gets a POST after each change. */
export interface Application extends AsyncDisposable {
	/** What the sidecar must be told. */
	readonly env: Readonly<Record<string, string>>;
	/** The bodies that it accepted, in order. */
	readonly accepted: readonly string[];
	/** Requests that another host got, to which it redirected. */
	elsewhere(): number;
	/** Accepts everything from now on. */
	mend(): Promise<void>;
}

const listening = (server: Server, port: number): Promise<void> =>
	new Promise((resolve, reject) => {
		server.once('error', reject);
		server.listen(port, '127.0.0.1', resolve);
	});
const closed = (server: Server): Promise<void> =>
	new Promise((resolve) => {
		server.closeAllConnections();
		if (server.listening) server.close(() => resolve());
		else resolve();
	});

/** Starts an application. At first it does not listen, does not answer, or answers with this status. */
export async function startApplication(first: 'closed' | 'silent' | number): Promise<Application> {
	let behaviour = first;
	let elsewhere = 0;
	const accepted: string[] = [];
	const other = createServer((_, response) => {
		elsewhere += 1;
		response.end();
	});
	await new Promise<void>((resolve) => void other.listen(0, '127.0.0.2', resolve));
	const target = `http://127.0.0.2:${(other.address() as AddressInfo).port}/`;
	const answer = (body: string, response: ServerResponse): void => {
		if (behaviour === 'silent') return;
		const status = behaviour === 'closed' ? 204 : behaviour;
		if (status < 300) accepted.push(body);
		response.writeHead(status, status >= 300 && status < 400 ? { location: target } : {}).end();
	};
	const server = createServer(async (request, response) => {
		let body = '';
		for await (const chunk of request) body += chunk;
		answer(body, response);
	});
	await listening(server, 0);
	const { port } = server.address() as AddressInfo;
	if (first === 'closed') await closed(server);
	return {
		env: { ENVTIER_ON_CHANGE: `http://localhost:${port}/-/reload` },
		accepted,
		elsewhere: () => elsewhere,
		mend: async () => {
			behaviour = 204;
			if (!server.listening) await listening(server, port);
		},
		[Symbol.asyncDispose]: async () => {
			await closed(server);
			await closed(other);
		},
	};
}
