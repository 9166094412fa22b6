import express, { type Express, type RequestHandler } from 'express';
import { addDashboard } from '../dashboard/routes.ts';
import { refuse } from '../problem.ts';
import { addRevealPage } from '../reveal/page.ts';
import { bodyReader } from './body.ts';
import { auditCalls } from './call-trail.ts';
import type { AppDependencies } from './dependencies.ts';
import type { Operation } from './operation.ts';
import { runOperation } from './run-operation.ts';
import { send } from './send.ts';
import { addSystemRoutes } from './system-routes.ts';

/**
 * Creates the HTTP application: the operations of the API, and `/openapi.json`, `/healthz`, `/readyz`,
 * `/metrics`.
 */
export function createApp(parts: AppDependencies): Express {
	const app = express();
	app.disable('x-powered-by');
	app.disable('etag');
	app.set('trust proxy', parts.trustProxy ? 1 : false);
	app.set('query parser', 'simple');
	app.use((_request, response, next) => {
		response.set({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
		next();
	});
	addSystemRoutes(app, parts);
	if (parts.dashboard !== undefined) addDashboard(app, parts.dashboard);
	if (parts.revealPage !== undefined) addRevealPage(app, parts.revealPage);
	app.use('/api', auditCalls(parts));
	const readBody = bodyReader(parts.bodyLimit);
	for (const operation of parts.operations) {
		const path = operation.path.replace('{name}', ':name');
		app[operation.method](path, (request, response) =>
			runOperation(parts, readBody, operation, request, response),
		);
	}
	for (const path of new Set(parts.operations.map((operation) => operation.path)))
		app.all(path.replace('{name}', ':name'), methodNotAllowed(parts.operations, path));
	app.use((_request, response) =>
		send(response, refuse(404, 'there is no such path; GET /openapi.json describes the API')),
	);
	app.use(((error, _request, response, _next) => {
		parts.log.warn({ problem: error instanceof Error ? error.name : 'unknown' }, 'a request that is no good');
		send(response, refuse(400, 'the request cannot be read'));
	}) satisfies express.ErrorRequestHandler);
	return app;
}

function methodNotAllowed(operations: readonly Operation[], path: string): RequestHandler {
	const allowed = operations.filter((operation) => operation.path === path);
	const methods = allowed.map((operation) => operation.method.toUpperCase()).join(', ');
	return (_request, response) => {
		response.set('allow', methods);
		send(response, refuse(405, `this path takes ${methods}`));
	};
}
