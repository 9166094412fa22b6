import express, { type Express } from 'express';
import { addHealthRoutes, addMetricsRoute, type NotReady } from '../lib/http/status-routes.ts';
import type { MetricsText } from '../lib/metrics.ts';

/** What the endpoints tell. They need no credentials and hold no secret. */
export interface StatusParts {
	readonly metrics: MetricsText;
	readonly notReady: NotReady;
}

/** The application with `/healthz`, `/readyz` and `/metrics`. */
export function createStatusApp({ metrics, notReady }: StatusParts): Express {
	const app = express();
	app.disable('x-powered-by');
	addHealthRoutes(app, notReady);
	addMetricsRoute(app, metrics);
	return app;
}
