import type { IncomingMessage } from 'node:http';
import express, {
	type ErrorRequestHandler,
	type Express,
	type Request,
	type RequestHandler,
	type Response,
} from 'express';
import type { Logger } from 'pino';
import { limitBodies } from '../../lib/http/bodies.ts';
import type { Metrics } from '../metrics.ts';
import { type ClientAuth, requireClientCertificate } from './client-auth.ts';
import { type MutateParts, mutateHandler, refuse } from './mutate.ts';

/** Accepts the type alone, or with the character set that JSON always has (RFC 8259, section 8.1). */
function isUtf8Json({ headers }: IncomingMessage): boolean {
	return /^application\/json\s*(?:;\s*charset="?utf-?8"?\s*)?$/i.test(headers['content-type'] ?? '');
}

/** What the routes need. */
export interface AppParts extends MutateParts {
	/** Undefined when the webhook can take calls, else why it cannot. */
	readonly notReady: () => string | undefined;
	/** Bytes of all bodies that are being read at a time; 32 MiB unless given. */
	readonly maxReading?: number | undefined;
	/** Who may call `/mutate`; undefined: anybody. */
	readonly callers?: ClientAuth | undefined;
}

/** The API server takes objects of up to 3 MiB and may send an old and a new one. */
const BODY_LIMIT = 7 * 1024 * 1024;

/** For all bodies together. The API server's are a few KiB long, and read within a millisecond. */
const MAX_READING = 32 * 1024 * 1024;

/** What each path takes, as the header Allow says it. */
const METHODS = {
	'/mutate': 'POST',
	'/healthz': 'GET, HEAD',
	'/readyz': 'GET, HEAD',
	'/metrics': 'GET, HEAD',
} as const;

/**
 * The webhook's routes: `POST /mutate`, `GET /healthz` (the process runs), `GET /readyz` (it accepts calls),
 * `GET /metrics`.
 */
export function createApp(parts: AppParts): Express {
	const app = express();
	app.disable('x-powered-by');
	app.disable('etag');
	const limitBody = limitBodies(parts.maxReading ?? MAX_READING);
	// All steps are in one route, and this route is the first: each step of the router costs a review some
	// microseconds.
	const every = [
		measured(parts.metrics),
		...(parts.callers === undefined ? [] : [requireClientCertificate(parts.callers, refuse)]),
		((request, _response, next) => {
			limitBody(request);
			next();
		}) satisfies RequestHandler,
	];
	// As bytes: of a costly body the text is never made.
	const body = express.raw({ type: isUtf8Json, limit: BODY_LIMIT, inflate: false });
	app.post('/mutate', every, body, mutateHandler(parts));
	app.all('/mutate', every, (_request: Request, response: Response) => notAllowed(response, '/mutate'));
	app.get('/healthz', (_request, response) => void response.type('text').send('ok\n'));
	app.get('/readyz', (_request, response) => {
		const reason = parts.notReady();
		response
			.status(reason === undefined ? 200 : 503)
			.type('text')
			.send(`${reason ?? 'ok'}\n`);
	});
	app.get('/metrics', async (_request, response) => {
		response.type(parts.metrics.contentType).send(await parts.metrics.text());
	});
	for (const path of ['/healthz', '/readyz', '/metrics'] as const)
		app.all(path, (_request, response) => notAllowed(response, path));
	app.use((_request, response) =>
		refuse(response, 404, 'only POST /mutate, GET /healthz, GET /readyz and GET /metrics exist here'),
	);
	app.use(handleErrors(parts.log));
	return app;
}

function notAllowed(response: Response, path: keyof typeof METHODS): void {
	response.set('allow', METHODS[path]);
	refuse(response, 405, `${path} takes ${METHODS[path]} only`);
}

/** Measures every call, however it ends; a call that the client gave up counts as well. */
function measured(metrics: Metrics): RequestHandler {
	return (_request, response, next) => {
		const over = metrics.startCall();
		response.once('close', () => {
			over();
			if (!response.writableFinished) metrics.recordFailure('aborted');
			else if (response.statusCode >= 400) metrics.recordFailure(response.statusCode);
		});
		next();
	};
}

const CALLER_ERRORS: ReadonlyMap<number, string> = new Map([
	[413, `the body is larger than ${BODY_LIMIT} bytes`],
	[415, 'the body must be JSON in UTF-8, not compressed'],
]);

/**
 * Errors of body-parser and express have a status. Any other error is a defect; its details go to the log
 * only.
 */
function handleErrors(log: Logger): ErrorRequestHandler {
	return (error: unknown, _request, response, _next) => {
		const status = error instanceof Error && 'status' in error ? Number(error.status) : 500;
		const known = CALLER_ERRORS.get(status);
		if (known !== undefined) refuse(response, status, known);
		else if (status >= 400 && status < 500) refuse(response, status, 'the request cannot be read');
		else {
			log.error({ err: error }, 'a defect: the call failed');
			refuse(response, 500, 'a defect of the webhook; its log says more');
		}
	};
}
