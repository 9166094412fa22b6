import { randomUUID } from 'node:crypto';
import express, { type Express, type Request, type RequestHandler, type Response } from 'express';
import type { Logger } from 'pino';
import { ok, type Result } from '../contract/result.ts';
import { type AuditSink, resultOf } from './audit.ts';
import { bodyReader, type ReadBody } from './body.ts';
import type { Access } from './identity/access.ts';
import type { Identity } from './identity/identity.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { OpenApiDocument } from './openapi.ts';
import type { AuditNote, Operation, Reply, Services } from './operation.ts';
import { type Problem, refuse } from './problem.ts';
import { StoreFailure } from './store/store.ts';

/** What the routes need. */
export interface AppParts {
	readonly operations: readonly Operation[];
	readonly openApi: OpenApiDocument;
	/** Undefined when no store is configured. */
	readonly services: Services | undefined;
	readonly access: Access;
	readonly limits: Limits;
	readonly metrics: Metrics;
	readonly audit: AuditSink;
	readonly log: Logger;
	readonly bodyLimit: number;
	/** True when a proxy in front tells the caller's address in X-Forwarded-For. */
	readonly trustProxy: boolean;
	/** Undefined when calls can be taken, else why not. */
	readonly notReady: () => Promise<string | undefined>;
	readonly now: () => Date;
}

/** What is known of one call so far; the audit line is made of it when the answer is out. */
interface Trail {
	readonly requestId: string;
	readonly started: number;
	action: string;
	identity: Identity | undefined;
	note: AuditNote | undefined;
}

/** The API's routes, beside them `/openapi.json`, `/healthz`, `/readyz` and `/metrics`. */
export function createApp(parts: AppParts): Express {
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
	app.use('/api', trailFor(parts));
	const readBody = bodyReader(parts.bodyLimit);
	for (const operation of parts.operations) {
		const path = operation.path.replace('{name}', ':name');
		app[operation.method](path, (request, response) => serve(parts, readBody, operation, request, response));
	}
	for (const path of new Set(parts.operations.map((operation) => operation.path)))
		app.all(path.replace('{name}', ':name'), wrongMethod(parts.operations, path));
	app.use((_request, response) =>
		send(response, refuse(404, 'there is nothing here; GET /openapi.json describes what there is')),
	);
	app.use(((error, _request, response, _next) => {
		parts.log.warn({ problem: error instanceof Error ? error.name : 'unknown' }, 'a request that is no good');
		send(response, refuse(400, 'the request cannot be read'));
	}) satisfies express.ErrorRequestHandler);
	return app;
}

function addSystemRoutes(app: Express, { openApi, metrics, notReady, log }: AppParts): void {
	app.get('/healthz', (_request, response) => void response.type('text').send('ok\n'));
	app.get('/readyz', async (_request, response) => {
		const reason = await notReady();
		response.status(reason === undefined ? 200 : 503);
		response.type('text').send(`${reason ?? 'ok'}\n`);
	});
	app.get('/metrics', async (_request, response) => {
		try {
			response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
		} catch (thrown) {
			log.error({ problem: String(thrown) }, 'the metrics cannot be collected');
			response.status(500).type('text').send('the metrics cannot be collected\n');
		}
	});
	app.get('/openapi.json', (_request, response) => void response.json(openApi));
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Gives every call its id, and sees to it that it leaves an audit line and a log line, however it ends. */
function trailFor({ audit, metrics, log, now }: AppParts): RequestHandler {
	return (request, response, next) => {
		const given = request.get('x-request-id');
		const trail: Trail = {
			requestId: given !== undefined && REQUEST_ID.test(given) ? given : randomUUID(),
			started: performance.now(),
			action: 'unknown',
			identity: undefined,
			note: undefined,
		};
		response.locals['trail'] = trail;
		response.set('x-request-id', trail.requestId);
		// A connection that is gone may no longer tell.
		const ip = request.ip ?? request.socket.remoteAddress ?? '';
		response.on('close', () => {
			const { requestId, action, identity, note } = trail;
			const status = response.statusCode;
			const seconds = (performance.now() - trail.started) / 1000;
			metrics.called(action, status, seconds);
			audit({
				time: now().toISOString(),
				actor: identity?.subject ?? 'anonymous',
				via: identity?.kind ?? 'none',
				action,
				scope: note?.scope ?? '',
				key: note?.key ?? '',
				result: resultOf(status, response.writableFinished),
				status,
				requestId,
				ip,
			});
			log.debug({ requestId, action, status, ms: Math.round(seconds * 1000) }, 'call');
		});
		next();
	};
}

async function serve(
	parts: AppParts,
	readBody: ReadBody,
	operation: Operation,
	request: Request,
	response: Response,
): Promise<void> {
	const trail = response.locals['trail'] as Trail;
	trail.action = operation.id;
	try {
		send(response, await answer(parts, readBody, operation, { request, response, trail }));
	} catch (thrown) {
		const { requestId } = trail;
		if (thrown instanceof StoreFailure) {
			parts.log.error({ requestId, code: thrown.code, problem: thrown.message }, 'the store failed');
			send(response, refuse(500, `the secret store failed; the log says why under request id ${requestId}`));
			return;
		}
		// Not the error itself: nobody knows what another library puts into its message.
		const { name, stack } = thrown instanceof Error ? thrown : { name: 'unknown', stack: '' };
		const at = stack?.split('\n').filter((line) => /^\s+at /.test(line));
		parts.log.error({ requestId, name, at }, 'a defect: the call failed');
		send(response, refuse(500, `a defect of the API; the log says more under request id ${requestId}`));
	}
}

interface Exchange {
	readonly request: Request;
	readonly response: Response;
	readonly trail: Trail;
}

/** Who, whether, what: in this order, so that nobody learns more than they may. */
async function answer(
	parts: AppParts,
	readBody: ReadBody,
	operation: Operation,
	exchange: Exchange,
): Promise<Result<Reply, Problem>> {
	const { access, services, now } = parts;
	const { request, response, trail } = exchange;
	if (services === undefined)
		return refuse(503, 'no store is configured: the operator must set ENVTIER_API_STORE');
	const identified = await signIn(parts, exchange);
	if (!identified.ok) return identified;
	const identity = identified.value;
	trail.identity = identity;
	const allowed = await access.authorize(identity, operation.permission);
	if (!allowed.ok) return allowed;
	const raw =
		operation.body === undefined
			? ok({ ...request.query })
			: await readBody(request, response, operation.yaml === true);
	if (!raw.ok) return raw;
	return operation.run(
		{
			...services,
			identity,
			deed: { subject: identity.subject, at: now() },
			name: String(request.params['name'] ?? ''),
			note: (note) => {
				trail.note = note;
			},
		},
		raw.value,
	);
}

async function signIn(
	{ access, limits, metrics, log }: AppParts,
	{ request, response, trail }: Exchange,
): Promise<Result<Identity, Problem>> {
	const ip = request.ip ?? '';
	const blocked = await limits.loginBlocked(ip);
	if (blocked !== undefined) return tooMany(response, blocked, 'too many failed logins from your address');
	const authorization = request.get('authorization');
	const identified = await access.identify({ authorization, org: request.get('envtier-org') });
	if (!identified.ok) {
		const { status, message } = identified.error;
		if (status === 401) {
			response.set('www-authenticate', 'Bearer');
			if (authorization !== undefined) {
				await limits.loginFailed(ip);
				metrics.loginFailed();
			}
		}
		log.info({ requestId: trail.requestId, status, reason: message, ip }, 'a caller was not let in');
		return identified;
	}
	const wait = await limits.call(identified.value.subject);
	trail.identity = identified.value;
	return wait === undefined ? identified : tooMany(response, wait, 'too many calls');
}

function tooMany(response: Response, seconds: number, what: string): Result<never, Problem> {
	response.set('retry-after', String(seconds));
	return refuse(429, `${what}; try again in ${seconds} s`);
}

function wrongMethod(operations: readonly Operation[], path: string): RequestHandler {
	const allowed = operations.filter((operation) => operation.path === path);
	const methods = allowed.map((operation) => operation.method.toUpperCase()).join(', ');
	return (_request, response) => {
		response.set('allow', methods);
		send(response, refuse(405, `this path takes ${methods}`));
	};
}

function send(response: Response, outcome: Result<Reply, Problem>): void {
	if (response.headersSent) return;
	if (outcome.ok) response.status(outcome.value.status).json(outcome.value.body);
	else response.status(outcome.error.status).json({ error: outcome.error.message });
}
