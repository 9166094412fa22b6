import type { Response } from 'express';

const ESCAPES: Readonly<Record<string, string>> = {
	'&': '&amp;',
	'<': '&lt;',
	'>': '&gt;',
	'"': '&quot;',
	"'": '&#39;',
};

/** A text as a part of HTML, inside of attributes too. */
export function escapeHtml(text: string): string {
	return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
}

/** Answers with a page that says one sentence, and leads back to the dashboard. */
export function messagePage(response: Response, status: number, message: string): void {
	const text = escapeHtml(message);
	response
		.status(status)
		.type('html')
		.send(
			`<!doctype html><html lang="en"><meta charset="utf-8"><title>Envtier</title><p>${text}</p><p><a href="/ui/">Back to the dashboard</a></p></html>`,
		);
}
