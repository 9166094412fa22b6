import type { IncomingMessage, RequestListener } from 'node:http';
import express, { type ErrorRequestHandler, type Express, type Response } from 'express';
import type { Logger } from 'pino';
import { addHealthRoutes, addMetricsRoute } from '../../lib/http/status-routes.ts';
import { startCall } from './calls.ts';
import { type MutateParts, mutateHandler } from './mutate.ts';
import { refuse, refuseDefect } from './refuse.ts';

/** What the routes need. */
export interface AppParts extends MutateParts {
	/** Undefined when the webhook is ready, else why it is not. */
	readonly notReady: () => string | undefined;
}

/** The methods of each path, for the header Allow. */
const METHODS = {
	'/mutate': 'POST',
	'/healthz': 'GET, HEAD',
	'/readyz': 'GET, HEAD',
	'/metrics': 'GET, HEAD',
} as const;

/**
 * The webhook's routes: `POST /mutate`, `GET /healthz` (the process runs), `GET /readyz` (it accepts calls),
 * `GET /metrics`. Reviews skip the router, which would cost as much as the decision (ADR 45).
 */
export function createApp(parts: AppParts): RequestListener {
	const mutate = mutateHandler(parts);
	const app = routes(parts, mutate);
	return (request, response) => (isReview(request) ? mutate(request, response) : app(request, response));
}

/** The API server puts its timeout into the query. */
function isReview({ method, url = '' }: IncomingMessage): boolean {
	return method === 'POST' && (url === '/mutate' || url.startsWith('/mutate?'));
}

function routes(parts: AppParts, mutate: RequestListener): Express {
	const app = express();
	app.disable('x-powered-by');
	app.disable('etag');
	app.post('/mutate', mutate);
	app.all('/mutate', (request, response) => {
		if (startCall(parts, request, response)) notAllowed(response, '/mutate');
	});
	addHealthRoutes(app, parts.notReady);
	addMetricsRoute(app, parts.metrics);
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

/** Errors of express have a status. Any other error is a defect; its details go to the log only. */
function handleErrors(log: Logger): ErrorRequestHandler {
	return (error: unknown, _request, response, _next) => {
		const status = error instanceof Error && 'status' in error ? Number(error.status) : 500;
		if (status >= 400 && status < 500) refuse(response, status, 'the request cannot be read');
		else refuseDefect(log, error, response);
	};
}
