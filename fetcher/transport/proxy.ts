import type { Socket } from 'node:net';
import { UNREACHABLE } from '../advice.ts';
import { Failure } from '../failure.ts';
import { printable } from '../text.ts';

/** Maximum size of the response's head, in bytes. */
const MAX_HEAD = 8 * 1024;
/** Retryable statuses of a proxy (RFC 9110, 15.6). */
const RETRYABLE = new Set([500, 502, 503, 504]);

/**
 * Opens a tunnel to a host through an HTTP proxy (CONNECT: RFC 9110, section 9.3.6). Resolves when `tcp` is
 * connected to that host. Rejects with a `Failure`. The caller sets the time limit.
 *
 * @param proxy the address of the proxy, for messages
 */
export function openTunnel(
	tcp: Socket,
	proxy: string,
	{ host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
	// Only an IPv6 address contains a colon. Does not use node:net, which takes time to load.
	const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
	const failure = (what: string, retryable: boolean): Failure =>
		new Failure('unreachable', `the proxy ${proxy} ${what}`, { retryable, cure: UNREACHABLE.tunnel });
	return new Promise((resolve, reject) => {
		let head = Buffer.alloc(0);
		const done = (problem?: Failure): void => {
			tcp.off('readable', read);
			tcp.off('error', failed);
			tcp.off('close', closed);
			if (problem === undefined) resolve();
			else reject(problem);
		};
		const failed = (error: NodeJS.ErrnoException): void =>
			done(failure(`cannot be reached (${error.code ?? 'unknown error'})`, true));
		const closed = (): void => done(failure('closed the connection without an answer', true));
		const read = (): void => {
			const chunk: Buffer | null = tcp.read();
			if (chunk === null) return;
			head = Buffer.concat([head, chunk]);
			const end = head.indexOf('\r\n\r\n');
			if (end === -1 && head.length <= MAX_HEAD) return;
			done(verdict(head.subarray(0, end === -1 ? 0 : end).toString('latin1'), head.length - end - 4));
		};
		/** @param more number of bytes after the head. The host cannot have sent any yet. */
		const verdict = (text: string, more: number): Failure | undefined => {
			const [, status = '', reason = ''] = /^HTTP\/1\.[01] ([0-9]{3})(?: ([^\r\n]*))?/.exec(text) ?? [];
			if (status === '') return failure('does not answer as an HTTP proxy does', false);
			if (status.startsWith('2'))
				return more === 0 ? undefined : failure('sends more than an answer to CONNECT', false);
			const description =
				`does not connect to ${authority}: HTTP ${status} ${printable(reason, 60)}`.trimEnd();
			return failure(description, RETRYABLE.has(Number(status)));
		};
		tcp.on('readable', read);
		tcp.once('error', failed);
		tcp.once('close', closed);
		tcp.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
	});
}
