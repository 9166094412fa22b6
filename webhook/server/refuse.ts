import type { ServerResponse } from 'node:http';
import type { Logger } from 'pino';

/** Answers with a status and one line of text. */
export function refuse(response: ServerResponse, status: number, message: string): void {
	const text = `${message}\n`;
	response.writeHead(status, {
		'content-type': 'text/plain; charset=utf-8',
		'content-length': Buffer.byteLength(text),
	});
	response.end(text);
}

/** Logs a defect. The caller hears no more than that there is one. */
export function refuseDefect(log: Logger, error: unknown, response: ServerResponse): void {
	log.error({ err: error }, 'a defect: the call failed');
	if (response.headersSent) response.destroy();
	else refuse(response, 500, 'a defect of the webhook; its log says more');
}
