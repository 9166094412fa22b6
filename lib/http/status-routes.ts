import type { Express } from 'express';
import type { MetricsText } from '../metrics.ts';

/** Why the process is not ready, as a public text; undefined if it is. */
export type NotReady = () => string | undefined | Promise<string | undefined>;

/**
 * Adds `GET /healthz` (the process runs) and `GET /readyz` (it takes calls). They need no credentials.
 *
 * @param note what a process that is ready says besides `ok`, as a public text
 */
export function addHealthRoutes(
	app: Express,
	notReady: NotReady,
	note: () => string | undefined = () => undefined,
): void {
	app.get('/healthz', (_request, response) => void response.type('text').send('ok\n'));
	app.get('/readyz', async (_request, response) => {
		const reason = await notReady();
		response.status(reason === undefined ? 200 : 503);
		const text = reason ?? ['ok', note() ?? []].flat().join('\n');
		response.type('text').send(`${text}\n`);
	});
}

/** Adds `GET /metrics`. An error goes to the application's handler. */
export function addMetricsRoute(app: Express, metrics: MetricsText): void {
	app.get('/metrics', async (_request, response) => {
		response.type(metrics.contentType).send(await metrics.text());
	});
}
