import type { ServerResponse } from 'node:http';
import type { Logger } from 'pino';

/** Answers with a status and one line of text. */
export function refuse(response: ServerResponse, status: number, message: string): void {
	writeRefusal(response, status, message);
	response.end();
}

/** Writes the whole answer, but does not end it: a connection that is to be closed stays open until then. */
export function writeRefusal(response: ServerResponse, status: number, message: string): void {
	const text = `${message}\n`;
	response.writeHead(status, {
		'content-type': 'text/plain; charset=utf-8',
		'content-length': Buffer.byteLength(text),
	});
	response.write(text);
}

/** Logs a defect. The caller hears no more than that there is one. */
export function refuseDefect(log: Logger, error: unknown, response: ServerResponse): void {
	log.error({ err: error }, 'a defect: the call failed');
	if (response.headersSent) response.destroy();
	else refuse(response, 500, 'a defect of the webhook; its log says more');
}
