import { request as plainRequest, type RequestOptions } from 'node:http';
import { request as tlsRequest } from 'node:https';

/** One request, as it goes onto the wire. */
export interface Call {
	readonly url: string;
	/** Any token, `LIST` too; GET unless given. */
	readonly method?: string;
	readonly headers?: Readonly<Record<string, string>>;
	/** Sent as it is when it is text, as JSON otherwise. */
	readonly body?: unknown;
	/** PEM text of the CA that the server's certificate is checked against. */
	readonly caPem?: string;
	/** Accepts any certificate of the server. */
	readonly anyCertificate?: true;
	readonly timeoutMs?: number;
	/** Address of this machine to send from. */
	readonly localAddress?: string;
}

/** One answer. */
export interface Answer {
	readonly status: number;
	readonly headers: Readonly<Record<string, string | string[] | undefined>>;
	readonly text: string;
	/** `text` as JSON; undefined when it is none. */
	readonly json: unknown;
}

/**
 * Sends one request on a connection of its own. `fetch` won't do: it takes no CA and follows redirects.
 */
export function call(what: Call): Promise<Answer> {
	const { url, method = 'GET', body, caPem, timeoutMs = 30_000 } = what;
	const payload = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
	const options: RequestOptions = {
		method,
		agent: false,
		...(what.localAddress === undefined ? {} : { localAddress: what.localAddress }),
		headers: {
			...(payload === undefined
				? {}
				: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
			...what.headers,
		},
		signal: AbortSignal.timeout(timeoutMs),
	};
	return new Promise((resolve, reject) => {
		const outgoing = url.startsWith('https:')
			? tlsRequest(url, {
					...options,
					...(caPem === undefined ? {} : { ca: caPem }),
					rejectUnauthorized: what.anyCertificate !== true,
				})
			: plainRequest(url, options);
		outgoing.on('error', reject);
		outgoing.on('response', (incoming) => {
			const chunks: Buffer[] = [];
			incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
			incoming.on('error', reject);
			incoming.on('end', () => {
				const text = Buffer.concat(chunks).toString('utf8');
				resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, json: parse(text) });
			});
		});
		outgoing.end(payload);
	});
}

function parse(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
