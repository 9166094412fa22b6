import type { Express } from 'express';
import type { AppDependencies } from './dependencies.ts';

/** Adds `/healthz`, `/readyz`, `/metrics` and `/openapi.json`. They need no credentials. */
export function addSystemRoutes(app: Express, { openApi, metrics, notReady, log }: AppDependencies): void {
	app.get('/healthz', (_request, response) => void response.type('text').send('ok\n'));
	app.get('/readyz', async (_request, response) => {
		const reason = await notReady();
		response.status(reason === undefined ? 200 : 503);
		response.type('text').send(`${reason ?? 'ok'}\n`);
	});
	app.get('/metrics', async (_request, response) => {
		try {
			response.type(metrics.contentType).send(await metrics.text());
		} catch (thrown) {
			log.error({ problem: String(thrown) }, 'the metrics cannot be collected');
			response.status(500).type('text').send('the metrics cannot be collected\n');
		}
	});
	app.get('/openapi.json', (_request, response) => void response.json(openApi));
}
