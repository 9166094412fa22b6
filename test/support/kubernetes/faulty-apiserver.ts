import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { makeAuthority } from '../tls.ts';
import type { Cluster } from './cluster.ts';

/** What happens to one request on its way to the API server. */
export type ApiFault =
	| { readonly kind: 'pass' }
	/** The request does not reach the API server. */
	| { readonly kind: 'answer'; readonly status: number }
	/** The connection breaks off, and the request does not reach the API server. */
	| { readonly kind: 'reset' }
	/** The answer of the API server does not come back. `served` is called when there is one. */
	| { readonly kind: 'lost'; readonly served?: () => Promise<unknown> }
	/** The request reaches the API server after this. Of a watch, each event comes after it. */
	| { readonly kind: 'held'; readonly until: Promise<void> }
	/** A list or an object as it was when it was read first: a cache that lags behind. */
	| { readonly kind: 'stale' };

/** A request of the client. */
export interface ApiRequest {
	readonly method: string;
	readonly path: string;
	readonly query: URLSearchParams;
	readonly isWatch: boolean;
}

/** A proxy in front of a real API server. */
export interface FaultyApiServer extends AsyncDisposable {
	readonly port: number;
	/** The CA of its certificate. */
	readonly caPem: string;
	/** All requests so far. */
	readonly requests: readonly ApiRequest[];
	/** Applies to requests from now on. It may wait, and may end the client meanwhile. */
	setFault(fault: (request: ApiRequest) => ApiFault | Promise<ApiFault>): void;
	/** Breaks all watches off. */
	dropWatches(): void;
	/** Holds what watches tell until they are released: views become old. */
	holdWatches(held: boolean): void;
}

/** The fault that is none. */
export const PASS: ApiFault = { kind: 'pass' };

/** Starts a proxy. By default it forwards everything. */
export async function startFaultyApiServer(
	cluster: Pick<Cluster, 'url' | 'caPem'>,
): Promise<FaultyApiServer> {
	const authority = await makeAuthority('Envtier test CA of a proxy');
	const { certPem, keyPem } = await authority.issue();
	const requests: ApiRequest[] = [];
	const watches = new Set<ServerResponse>();
	const first = new Map<string, Buffer>();
	let faultOf: (request: ApiRequest) => ApiFault | Promise<ApiFault> = () => PASS;
	let watchesFlow = Promise.withResolvers<void>();
	watchesFlow.resolve();

	const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
		const url = new URL(incoming.url ?? '/', cluster.url);
		const asked = requestOf(incoming, url);
		const { isWatch } = asked;
		const body = await bytesOf(incoming);
		requests.push(asked);
		const fault = await faultOf(asked);
		const name = asked.method === 'GET' && !isWatch ? url.href : '';
		const old = fault.kind === 'stale' ? first.get(name) : undefined;
		if (old !== undefined) return void outgoing.writeHead(200, JSON_TYPE).end(old);
		if (fault.kind === 'reset') return void outgoing.destroy();
		if (fault.kind === 'answer')
			return void outgoing.writeHead(fault.status, JSON_TYPE).end(statusBody(fault.status));
		if (fault.kind === 'held' && !isWatch) await fault.until;
		const headers = { ...incoming.headers, host: url.host };
		const upstream = request(url, { method: asked.method, headers, ca: cluster.caPem, agent: false });
		outgoing.on('close', () => upstream.destroy());
		upstream.on('error', () => outgoing.destroy());
		upstream.on('response', (answer) => {
			if (isWatch) return void forwardWatch(answer, outgoing, fault);
			void bytesOf(answer).then(
				async (bytes) => {
					if (name !== '' && answer.statusCode === 200 && !first.has(name)) first.set(name, bytes);
					if (fault.kind === 'lost') {
						await fault.served?.();
						outgoing.destroy();
						return;
					}
					outgoing.writeHead(answer.statusCode ?? 502, answer.headers).end(bytes);
				},
				() => outgoing.destroy(),
			);
		});
		upstream.end(body);
	};
	const forwardWatch = async (
		answer: IncomingMessage,
		outgoing: ServerResponse,
		fault: ApiFault,
	): Promise<void> => {
		watches.add(outgoing);
		outgoing.on('close', () => watches.delete(outgoing));
		outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
		outgoing.flushHeaders();
		try {
			for await (const chunk of answer) {
				if (fault.kind === 'held') await fault.until;
				await watchesFlow.promise;
				if (fault.kind === 'lost') return void outgoing.destroy();
				outgoing.write(chunk);
			}
			outgoing.end();
		} catch {
			outgoing.destroy();
		}
	};

	const server = createServer({ cert: certPem, key: keyPem }, (incoming, outgoing) => {
		incoming.on('error', () => outgoing.destroy());
		serve(incoming, outgoing).catch(() => outgoing.destroy());
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as AddressInfo;
	const dropWatches = (): void => {
		for (const watch of watches) watch.destroy();
	};
	return {
		port,
		caPem: authority.certPem,
		requests,
		setFault: (fault) => {
			faultOf = fault;
		},
		dropWatches,
		holdWatches: (held) => {
			watchesFlow.resolve();
			watchesFlow = Promise.withResolvers();
			if (!held) watchesFlow.resolve();
		},
		[Symbol.asyncDispose]: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				dropWatches();
				server.closeAllConnections();
			}),
	};
}

/**
 * True for a watch, and for the list of Secrets before one. The list has a query; other requests have none.
 */
export function isWatchOrItsList({ path, query, isWatch }: ApiRequest): boolean {
	return isWatch || (path.endsWith('/secrets') && query.size > 0);
}

function requestOf(
	{ method = 'GET' }: IncomingMessage,
	{ pathname: path, searchParams: query }: URL,
): ApiRequest {
	return { method, path, query, isWatch: query.get('watch') === 'true' };
}

const JSON_TYPE = { 'content-type': 'application/json' };

const REASONS: Readonly<Record<number, string>> = {
	409: 'Conflict',
	410: 'Expired',
	429: 'TooManyRequests',
	500: 'InternalError',
};

/** The body of a failure (Kubernetes API: Status). */
function statusBody(code: number): string {
	const reason = REASONS[code] ?? 'Unknown';
	return JSON.stringify({
		kind: 'Status',
		apiVersion: 'v1',
		status: 'Failure',
		reason,
		message: reason,
		code,
	});
}

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
	const chunks: Buffer[] = [];
	for await (const chunk of stream) chunks.push(chunk);
	return Buffer.concat(chunks);
}
