import type { Express, Request, Response } from 'express';
import type { DashboardFile, DashboardFiles } from './files.ts';

/**
 * The headers of every page. Nothing is loaded from elsewhere, nothing inline runs, no page embeds it, and no
 * code can turn text into markup (Trusted Types).
 */
const PAGE_HEADERS = {
	'content-security-policy': [
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self'",
		"img-src 'self'",
		"connect-src 'self'",
		"form-action 'self'",
		"base-uri 'none'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types 'none'",
	].join('; '),
	'cross-origin-opener-policy': 'same-origin',
	'cross-origin-resource-policy': 'same-origin',
	'referrer-policy': 'no-referrer',
	'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
	'x-frame-options': 'DENY',
} as const;

/** A hashed file never changes. */
const IMMUTABLE = 'public, max-age=31536000, immutable';

/** Sets the headers of pages on everything below `/ui`. To be added before any route there. */
export function addPageHeaders(app: Express): void {
	app.use('/ui', (_request, response, next) => {
		response.set(PAGE_HEADERS);
		next();
	});
}

/** Adds the scripts, styles and pictures of pages at `/ui/assets/`. */
export function addAssets(app: Express, files: DashboardFiles): void {
	app.get('/ui/assets/:name', (request, response) => {
		const file = files.get(String(request.params['name']));
		if (file === undefined) return void response.status(404).json({ error: 'there is no such file' });
		response.set('cache-control', IMMUTABLE);
		sendFile(request, response, file);
	});
}

/** Sends a file, compressed if the browser accepts it. */
export function sendFile(
	request: Request,
	response: Response,
	{ type, bytes, gzipped }: DashboardFile,
): void {
	const compressed = request.acceptsEncodings('gzip') === 'gzip';
	response.set({ 'content-type': type, vary: 'Accept-Encoding' });
	if (compressed) response.set('content-encoding', 'gzip');
	response.send(compressed ? gzipped : bytes);
}
