import { randomUUID } from 'node:crypto';
import express, { type Express, type Request, type RequestHandler, type Response } from 'express';
import type { Logger } from 'pino';
import { ok, type Result } from '../../contract/result.ts';
import type { AuditSink } from '../audit/lines.ts';
import { type AuditTrail, beforeChanges, createAuditTrail } from '../audit/trail.ts';
import type { Access } from '../auth/access.ts';
import type { Caller } from '../auth/caller.ts';
import { type Problem, refuse } from '../problem.ts';
import { StoreFailure } from '../store/store.ts';
import { bodyReader, type ReadBody } from './body.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { OpenApiDocument } from './openapi.ts';
import type { Operation, Reply, Services } from './operation.ts';

/** What the routes need. */
export interface AppDependencies {
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

/** One call: its audit trail, and whether its work goes on when the caller is gone. */
interface Trail {
	readonly audit: AuditTrail;
	working: boolean;
	/** Ends the trail once the work is done and the connection is closed. */
	ended(): void;
}

/** The API's routes, beside them `/openapi.json`, `/healthz`, `/readyz` and `/metrics`. */
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

function addSystemRoutes(app: Express, { openApi, metrics, notReady, log }: AppDependencies): void {
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

/** Gives every call its id, and sees to it that it leaves its audit lines and a log line, however it ends. */
function trailFor({ audit: sink, metrics, log, now }: AppDependencies): RequestHandler {
	return (request, response, next) => {
		const given = request.get('x-request-id');
		const requestId = given !== undefined && REQUEST_ID.test(given) ? given : randomUUID();
		const started = performance.now();
		// A connection that is gone may no longer tell.
		const ip = request.ip ?? request.socket.remoteAddress ?? '';
		const audit = createAuditTrail(sink, now, { requestId, ip });
		let closed = false;
		const trail: Trail = {
			audit,
			working: false,
			ended: () => {
				// What a call still does after its caller has gone belongs before its result.
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
			trail.ended();
		});
		next();
	};
}

async function serve(
	parts: AppDependencies,
	readBody: ReadBody,
	operation: Operation,
	request: Request,
	response: Response,
): Promise<void> {
	const trail = response.locals['trail'] as Trail;
	trail.audit.action = operation.id;
	trail.working = true;
	try {
		const outcome = await answer(parts, readBody, operation, { request, response, audit: trail.audit });
		// What is shown counts as an effect too.
		if (outcome.ok) trail.audit.intend();
		send(response, outcome);
	} catch (thrown) {
		const { requestId } = trail.audit;
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
	} finally {
		trail.working = false;
		trail.ended();
	}
}

interface Exchange {
	readonly request: Request;
	readonly response: Response;
	readonly audit: AuditTrail;
}

/** Who, whether, what: in this order, so that nobody learns more than they may. */
async function answer(
	parts: AppDependencies,
	readBody: ReadBody,
	operation: Operation,
	exchange: Exchange,
): Promise<Result<Reply, Problem>> {
	const { access, services, now } = parts;
	const { request, response, audit } = exchange;
	if (services === undefined)
		return refuse(503, 'no store is configured: the operator must set ENVTIER_API_STORE');
	const authenticated = await authenticateCall(parts, exchange);
	if (!authenticated.ok) return authenticated;
	const caller = authenticated.value;
	audit.caller = caller;
	// With a name in the body, RBAC is asked once the body is read.
	const later = operation.named && caller.user !== undefined;
	const allowed = later ? ok(undefined) : await access.authorize(caller, operation.permission);
	if (!allowed.ok) return allowed;
	const query = { ...request.query };
	const body =
		operation.body === undefined ? undefined : await readBody(request, response, operation.yaml === true);
	if (body?.ok === false) return body;
	return operation.run(
		{
			...services,
			store: beforeChanges(services.store, audit.intend),
			caller,
			auditStamp: { subject: caller.subject, at: now() },
			name: String(request.params['name'] ?? ''),
			authorize: (permission, name) => access.authorize(caller, permission, name),
			note: audit.note,
			step: audit.step,
			requestId: audit.requestId,
		},
		body === undefined ? query : operation.query === undefined ? body.value : { query, body: body.value },
	);
}

async function authenticateCall(
	{ access, limits, metrics, log }: AppDependencies,
	{ request, response, audit }: Exchange,
): Promise<Result<Caller, Problem>> {
	const ip = request.ip ?? '';
	const authorization = request.get('authorization');
	const authenticate = () => access.authenticate({ authorization, org: request.get('envtier-org') });
	const failed = (status: number, reason: string): void => {
		if (authorization !== undefined) metrics.recordFailedLogin();
		log.info({ requestId: audit.requestId, status, reason, ip }, 'authentication failed');
	};
	// Without credentials there is nothing to check and nothing to count.
	const login =
		authorization === undefined
			? ({ kind: 'checked', authenticated: await authenticate() } as const)
			: await limits.login(ip, authorization, authenticate);
	if (login.kind === 'too-many') {
		failed(429, 'too many failed logins');
		return tooMany(response, login.seconds, 'too many failed logins from your address');
	}
	const { authenticated } = login;
	if (!authenticated.ok) {
		const { status, message } = authenticated.error;
		if (status === 401) {
			response.set('www-authenticate', 'Bearer');
			failed(status, message);
		} else log.info({ requestId: audit.requestId, status, reason: message, ip }, 'login refused');
		return authenticated;
	}
	const wait = await limits.call(authenticated.value.subject);
	audit.caller = authenticated.value;
	return wait === undefined ? authenticated : tooMany(response, wait, 'too many calls');
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
