import { randomUUID } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import { type AuditTrail, createAuditTrail } from '../audit/trail.ts';
import type { AppDependencies } from './dependencies.ts';

/** The audit trail of one call. It ends when the work and the connection have both ended. */
export interface CallTrail {
	readonly audit: AuditTrail;
	/** True while the operation runs. Its work continues after the caller has disconnected. */
	working: boolean;
	/** Writes the result lines and the log line, after the work is done and the connection is closed. */
	finish(): void;
}

/** The trail that `auditCalls` opened for a call. */
export const trailOf = (response: Response): CallTrail => response.locals['trail'] as CallTrail;

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Gives every call a request id. Writes audit lines and a log line for every call, also for aborted ones. */
export function auditCalls({ audit: { sink }, metrics, log, now }: AppDependencies): RequestHandler {
	return (request, response, next) => {
		const sent = request.get('x-request-id');
		const requestId = sent !== undefined && REQUEST_ID.test(sent) ? sent : randomUUID();
		const started = performance.now();
		// The socket of a closed connection may have no address.
		const ip = request.ip ?? request.socket.remoteAddress ?? '';
		const audit = createAuditTrail(sink, now, { requestId, ip });
		let closed = false;
		const trail: CallTrail = {
			audit,
			working: false,
			finish: () => {
				// The audit lines of work after a disconnect must come before the result line.
				if (!closed || trail.working) return;
				const { statusCode: status, writableFinished } = response;
				const seconds = (performance.now() - started) / 1000;
				metrics.recordCall(audit.action, status, seconds);
				audit.end(status, writableFinished);
				const ms = Math.round(seconds * 1000);
				log.debug({ requestId, action: audit.action, status, ms }, 'call');
			},
		};
		response.locals['trail'] = trail;
		response.set('x-request-id', requestId);
		response.on('close', () => {
			closed = true;
			trail.finish();
		});
		next();
	};
}
