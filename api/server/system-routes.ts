import type { Express } from 'express';
import { addHealthRoutes } from '../../lib/http/status-routes.ts';
import type { AppDependencies } from './dependencies.ts';

/**
 * Adds `/healthz`, `/readyz`, `/metrics`, `/openapi.json` and `/.well-known/envtier-login`. They need no
 * credentials.
 */
export function addSystemRoutes(
	app: Express,
	{ openApi, metrics, readiness, log, login }: AppDependencies,
): void {
	addHealthRoutes(app, readiness.notReady, readiness.note);
	app.get('/metrics', async (_request, response) => {
		try {
			response.type(metrics.contentType).send(await metrics.text());
		} catch (thrown) {
			log.error({ problem: String(thrown) }, 'the metrics cannot be collected');
			response.status(500).type('text').send('the metrics cannot be collected\n');
		}
	});
	app.get('/.well-known/envtier-login', (_request, response) => {
		if (login === undefined)
			response.status(404).json({ error: 'no login of the command line is configured at this API' });
		else response.json(login);
	});
	app.get('/openapi.json', (_request, response) => void response.json(openApi));
}
