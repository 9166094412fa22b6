import type { IncomingMessage } from 'node:http';
import express, {
	type ErrorRequestHandler,
	type Express,
	type Request,
	type RequestHandler,
	type Response,
} from 'express';
import type { Logger } from 'pino';
import { limitBodies } from '../lib/http/bodies.ts';
import { admit } from './admit.ts';
import { type Callers, onlyCallers } from './callers.ts';
import type { Decision, Rejection } from './decision.ts';
import { logDecision } from './decision-log.ts';
import type { Metrics } from './metrics.ts';
import { type AdmissionRequest, decodeReview, encodeReview } from './review.ts';
import type { InjectionSettings } from './settings.ts';

/** Takes the type alone, or with the character set that JSON has by its definition (RFC 8259, section 8.1). */
function isUtf8Json({ headers }: IncomingMessage): boolean {
	return /^application\/json\s*(?:;\s*charset="?utf-?8"?\s*)?$/i.test(headers['content-type'] ?? '');
}

/** What the routes need. */
export interface AppParts {
	/** For a pod in this namespace. Asked anew for every call: what is known of the cluster changes while the process runs. */
	readonly settings: (namespace: string) => InjectionSettings;
	/** Resolves when the namespace is known, or when that has been waited for long enough. */
	readonly namespaceSeen: (namespace: string) => Promise<void>;
	/** Hears of every refusal once it is answered; takes no time and never fails. */
	readonly refused: (request: AdmissionRequest, rejection: Rejection) => void;
	readonly log: Logger;
	readonly metrics: Metrics;
	/** Undefined when the webhook can take calls, else why it cannot. */
	readonly notReady: () => string | undefined;
	/** Bytes of all bodies that are being read at a time; 32 MiB unless given. */
	readonly mostReading?: number | undefined;
	/** Who may call `/mutate`; undefined: anybody. */
	readonly callers?: Callers | undefined;
}

/** The API server takes objects of up to 3 MiB and may send an old and a new one. */
const BODY_LIMIT = 7 * 1024 * 1024;

/** For all bodies together. The API server's are a few KiB long, and read within a millisecond. */
const MOST_READING = 32 * 1024 * 1024;

/** What each path takes, as the header Allow says it. */
const METHODS = {
	'/mutate': 'POST',
	'/healthz': 'GET, HEAD',
	'/readyz': 'GET, HEAD',
	'/metrics': 'GET, HEAD',
} as const;

/** The webhook's routes: `POST /mutate`, `GET /healthz` (the process answers), `GET /readyz` (it can be sent calls), `GET /metrics`. */
export function createApp(parts: AppParts): Express {
	const app = express();
	app.disable('x-powered-by');
	app.disable('etag');
	const limitBody = limitBodies(parts.mostReading ?? MOST_READING);
	// First of all routes and each step in one route, for every step of the router costs a review some microseconds.
	const every = [
		measured(parts.metrics),
		...(parts.callers === undefined ? [] : [onlyCallers(parts.callers, refuse)]),
		((request, _response, next) => {
			limitBody(request);
			next();
		}) satisfies RequestHandler,
	];
	// As bytes: of a costly body the text is never made.
	const body = express.raw({ type: isUtf8Json, limit: BODY_LIMIT, inflate: false });
	app.post('/mutate', every, body, (request: Request, response: Response) =>
		mutate(parts, request, response),
	);
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
	app.use(failed(parts.log));
	return app;
}

function refuse(response: Response, status: number, message: string): void {
	response.status(status).type('text').send(`${message}\n`);
}

function notAllowed(response: Response, path: keyof typeof METHODS): void {
	response.set('allow', METHODS[path]);
	refuse(response, 405, `${path} takes ${METHODS[path]} only`);
}

/** Measures every call, however it ends; a call that the client gave up counts as well. */
function measured(metrics: Metrics): RequestHandler {
	return (_request, response, next) => {
		const over = metrics.called();
		response.once('close', () => {
			over();
			if (!response.writableFinished) metrics.failed('aborted');
			else if (response.statusCode >= 400) metrics.failed(response.statusCode);
		});
		next();
	};
}

async function mutate(parts: AppParts, request: Request, response: Response): Promise<void> {
	const { log, metrics } = parts;
	// What the body reader did not take, it leaves undefined.
	if (!Buffer.isBuffer(request.body)) {
		refuse(response, 415, 'the body must be an AdmissionReview with content type application/json, in UTF-8');
		return;
	}
	const review = decodeReview(request.body);
	if (!review.ok) {
		log.warn({ problem: review.error }, 'call refused');
		refuse(response, 400, review.error);
		return;
	}
	const decision = await decide(parts, review.value);
	metrics.decided(decision);
	logDecision(log, review.value, decision);
	answer(response, encodeReview(review.value.uid, decision));
	if (decision.kind === 'reject') parts.refused(review.value, decision);
}

/** Headers and body in one write, for each write is a TLS record and a system call of its own: express would make two. */
function answer(response: Response, text: string): void {
	response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
	response.end(text);
}

/** Pods come right after their namespace, and word of that from the API server may be some milliseconds behind. */
async function decide({ settings, namespaceSeen }: AppParts, request: AdmissionRequest): Promise<Decision> {
	const { namespace } = request;
	const decision = admit(request, settings(namespace));
	if (decision.kind !== 'reject' || decision.reason !== 'namespace-unknown') return decision;
	await namespaceSeen(namespace);
	return admit(request, settings(namespace));
}

const CALLER_ERRORS: ReadonlyMap<number, string> = new Map([
	[413, `the body is larger than ${BODY_LIMIT} bytes`],
	[415, 'the body must be JSON in UTF-8, not compressed'],
]);

/** What body-parser and express raise carries a status; anything else is a defect, and the API server hears no more of it than that. */
function failed(log: Logger): ErrorRequestHandler {
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
