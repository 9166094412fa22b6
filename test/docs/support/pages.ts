import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { lexer, type Token, type Tokens, walkTokens } from 'marked';

/** The project's folder. */
export const ROOT = join(import.meta.dirname, '../../..');

/** A Markdown file of the project. */
export interface Page {
	/** Relative to the project's folder. */
	readonly file: string;
	readonly text: string;
}

/** A fenced block of code, and the HTML comment right before it, if there is one. */
export interface Block {
	readonly language: string;
	readonly text: string;
	readonly comment: string | undefined;
}

/** Every page that people read: those of the project's folder, and all below docs/. */
export function pages(): readonly Page[] {
	const inRoot = readdirSync(ROOT).map((name) => join(ROOT, name));
	const inDocs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) =>
		join(ROOT, 'docs', name),
	);
	return [...inRoot, ...inDocs].filter((path) => path.endsWith('.md')).map(page);
}

function page(path: string): Page {
	return { file: relative(ROOT, path), text: readFileSync(path, 'utf8') };
}

/** The page of this name. */
export function pageOf(file: string): Page {
	return page(join(ROOT, file));
}

/** The fenced blocks of a text, in order, those in lists and quotes included. */
export function blocksOf(text: string): readonly Block[] {
	const blocks: Block[] = [];
	let comment: string | undefined;
	walk(text, (token) => {
		if (token.type === 'code') {
			const { lang = '', text: code } = token as Tokens.Code;
			blocks.push({ language: lang.split(' ')[0] ?? '', text: code, comment });
		}
		if (token.type !== 'space') comment = /^<!--\s*(.*?)\s*-->\s*$/s.exec(token.raw)?.[1];
	});
	return blocks;
}

/** The targets of all links and pictures of a text. */
export function linksOf(text: string): readonly string[] {
	const links: string[] = [];
	walk(text, (token) => {
		if (token.type === 'link' || token.type === 'image') links.push((token as Tokens.Link).href);
	});
	return links;
}

/** The plain text of all headings, in order. */
export function headingsOf(text: string): readonly string[] {
	const headings: string[] = [];
	walk(text, (token) => {
		if (token.type === 'heading') headings.push((token as Tokens.Heading).text.replaceAll('`', ''));
	});
	return headings;
}

/** The text under a heading, with its subsections. Undefined when there is no such heading. */
export function sectionUnder(text: string, heading: string): string | undefined {
	const tokens = lexer(text);
	const at = tokens.findIndex((token) => token.type === 'heading' && token['text'] === heading);
	if (at < 0) return undefined;
	const { depth } = tokens[at] as Tokens.Heading;
	const after = tokens.slice(at + 1);
	const end = after.findIndex((token) => token.type === 'heading' && token['depth'] <= depth);
	return (end < 0 ? after : after.slice(0, end)).map(({ raw }) => raw).join('');
}

function walk(text: string, visit: (token: Token) => void): void {
	walkTokens(lexer(text), visit);
}
