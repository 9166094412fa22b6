import express, { type Express } from 'express';
import { z } from 'zod';
import type { DashboardFiles } from '../dashboard/files.ts';
import { addAssets, addPageHeaders, sendFile } from '../dashboard/pages.ts';
import { checkSameOrigin } from '../session/same-origin.ts';
import type { PageSignIn } from './page-sign-in.ts';

/** The page of the Reveal program, which shows one value in a browser. */
export interface RevealPage {
	readonly files: DashboardFiles;
	readonly signIn: PageSignIn;
}

/** Where the page is, and where the issuer sends the browser back to. */
const PATH = '/ui/reveal';
/** Maximum size of the body of a sign-in, in bytes. A code may be a JWT. */
const BODY_LIMIT = 16_384;

const GRANT = z.strictObject({
	code: z.string().min(1).max(8_192),
	/** RFC 7636, 4.1. */
	verifier: z.string().regex(/^[A-Za-z0-9._~-]{43,128}$/),
	redirectUri: z.url().max(512),
	iss: z.string().max(2_048).optional(),
});

/**
 * Adds the page at `/ui/reveal`, and its sign-in. The token goes to the page, which keeps it in memory: no
 * cookie counts here, and the calls of the page are the program's usual ones.
 */
export function addRevealPage(app: Express, { files, signIn }: RevealPage): void {
	addPageHeaders(app);
	addAssets(app, files);
	app.get(PATH, (request, response) => {
		const page = files.get('reveal.html');
		if (page === undefined) return void response.status(404).json({ error: 'there is no such file' });
		sendFile(request, response, page);
	});
	app.get(`${PATH}/client`, async (_request, response) => {
		const client = await signIn.client();
		if (client.ok) response.json(client.value);
		else response.status(502).json({ error: client.error });
	});
	app.post(`${PATH}/token`, express.json({ limit: BODY_LIMIT }), async (request, response) => {
		const grant = GRANT.safeParse(request.body);
		if (!grant.success) return void response.status(400).json({ error: 'the sign-in is incomplete' });
		const { origin, pathname, search, hash } = new URL(grant.data.redirectUri);
		// A page elsewhere could have got the code for itself.
		const own = checkSameOrigin(request, origin);
		if (!own.ok || pathname !== PATH || search !== '' || hash !== '')
			return void response.status(403).json({ error: 'the sign-in does not come from this page' });
		const token = await signIn.exchange(grant.data);
		if (token.ok) response.json(token.value);
		else response.status(502).json({ error: token.error });
	});
}
