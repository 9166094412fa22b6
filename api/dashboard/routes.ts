import type { Express } from 'express';
import type { BrowserSessions } from '../session/browser-sessions.ts';
import type { DashboardFiles } from './files.ts';
import { addAssets, addPageHeaders, sendFile } from './pages.ts';

/** What serves the dashboard. */
export interface Dashboard {
	readonly files: DashboardFiles;
	readonly sessions: BrowserSessions;
	/** What the pages must know beside the API's answers. */
	readonly config: {
		readonly version: string;
		/** The address of the Reveal program, if it is installed. */
		readonly revealUrl: string | undefined;
	};
}

/** Adds the dashboard at `/ui/`. Every path there that is no file is a view, which the page itself reads. */
export function addDashboard(app: Express, { files, sessions, config }: Dashboard): void {
	addPageHeaders(app);
	sessions.addRoutes(app);
	app.get('/ui/config', (_request, response) => {
		const { version, revealUrl = '' } = config;
		response.json({ version, revealUrl, signIn: sessions.signIn.kind });
	});
	addAssets(app, files);
	app.get(['/ui', '/ui/*view'], (request, response) => {
		const page = files.get('index.html');
		if (page === undefined) return void response.status(404).json({ error: 'there is no such file' });
		if (request.path === '/ui') return void response.redirect(308, '/ui/');
		sendFile(request, response, page);
	});
}
