import { type ClientHttp2Session, connect } from 'node:http2';

/** A response. */
export interface Http2Answer {
	readonly status: number;
	readonly body: string;
}

/** One HTTP/2 connection of a bench. */
export interface Http2Client {
	readonly session: ClientHttp2Session;
	/** Sends a request; `path` begins with `/v1/`. Rejects when the connection breaks. */
	send(method: string, path: string, token?: string, body?: string): Promise<Http2Answer>;
	close(): void;
}

/** Opens an HTTP/2 connection that trusts one CA. */
export function openHttp2({ addr, caPem }: { readonly addr: string; readonly caPem: string }): Http2Client {
	const session = connect(addr, { ca: caPem });
	session.on('error', () => undefined);
	return {
		session,
		send: (method, path, token = '', body = '') =>
			new Promise((resolve, reject) => {
				const headers = {
					':method': method,
					':path': path,
					...(token === '' ? {} : { 'x-vault-token': token }),
				};
				const stream = session.request(headers);
				let status = 0;
				let text = '';
				stream.setEncoding('utf8');
				stream.on('response', (fields) => {
					status = Number(fields[':status']);
				});
				stream.on('data', (chunk: string) => {
					text += chunk;
				});
				stream.on('end', () => resolve({ status, body: text }));
				stream.on('error', reject);
				// A GET stream has ended already.
				if (body === '') stream.end();
				else stream.end(body);
			}),
		close: () => session.destroy(),
	};
}
