import express, { type Express } from 'express';
import type { MetricsText } from '../lib/metrics.ts';

/** What the endpoints tell. They need no credentials and hold no secret. */
export interface StatusParts {
	readonly metrics: MetricsText;
	/** Why this replica is not ready; undefined if it is. */
	readonly notReady: () => string | undefined;
}

/** The application with `/healthz`, `/readyz` and `/metrics`. */
export function createStatusApp({ metrics, notReady }: StatusParts): Express {
	const app = express();
	app.disable('x-powered-by');
	app.get('/healthz', (_request, response) => void response.type('text').send('ok\n'));
	app.get('/readyz', (_request, response) => {
		const reason = notReady();
		response.status(reason === undefined ? 200 : 503);
		response.type('text').send(`${reason ?? 'ok'}\n`);
	});
	app.get('/metrics', async (_request, response) => {
		response.type(metrics.contentType).send(await metrics.text());
	});
	return app;
}
