import type { Response } from 'express';
import type { Result } from '../../contract/result.ts';
import type { Problem } from '../problem.ts';
import type { Reply } from './operation.ts';

/** Sends a reply, or a problem as `{ "error": SENTENCE }`. Does nothing if a response was already sent. */
export function send(response: Response, result: Result<Reply, Problem>): void {
	if (response.headersSent) return;
	if (result.ok) {
		const { status, body, headers = {} } = result.value;
		response.status(status).set(headers).json(body);
		return;
	}
	const { status, message, cells } = result.error;
	response.status(status).json({ error: message, ...(cells === undefined ? {} : { cells }) });
}
