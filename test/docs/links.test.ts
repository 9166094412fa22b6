import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import GithubSlugger from 'github-slugger';
import { describe, expect, test } from 'vitest';
import { headingsOf, linksOf, type Page, pages, ROOT } from './support/pages.ts';

/** What GitHub makes of headings, so that links can lead to them. */
function anchorsOf(text: string): ReadonlySet<string> {
	const slugger = new GithubSlugger();
	return new Set(headingsOf(text).map((heading) => slugger.slug(heading)));
}

/** Why a link leads nowhere, or undefined. Links to other hosts are not followed. */
function fault(page: Page, link: string): string | undefined {
	if (/^(https?|mailto):/.test(link)) return undefined;
	const [path = '', anchor] = link.split('#');
	const target = path === '' ? join(ROOT, page.file) : join(ROOT, dirname(page.file), decodeURI(path));
	if (relative(ROOT, target).startsWith('..')) return `${link} leads out of the project`;
	const own = path === '';
	if (!own && !existsSync(target)) return `${link} leads to nothing`;
	if (anchor === undefined || (!own && statSync(target).isDirectory())) return undefined;
	const text = own ? page.text : readFileSync(target, 'utf8');
	return anchorsOf(text).has(anchor) ? undefined : `${link} leads to no heading`;
}

describe('links', () => {
	test.for(pages().map((page) => [page.file, page] as const))('of %s lead somewhere', ([, page]) => {
		const faults = linksOf(page.text).map((link) => fault(page, link));

		expect(faults.filter((one) => one !== undefined)).toEqual([]);
	});

	test.each([
		['a file that does not exist', 'none.md', 'none.md leads to nothing'],
		['a place outside the project', '../../x', '../../x leads out of the project'],
		['a heading that this page lacks', '#no-such-heading', '#no-such-heading leads to no heading'],
		['a heading that another page lacks', 'security.md#no-such', 'security.md#no-such leads to no heading'],
		['a heading of this page', '#one-name-for-one-fact', undefined],
		['the second of two headings alike', '#again-1', undefined],
		['a third one that is not there', '#again-2', '#again-2 leads to no heading'],
		['a heading with code in it', '#envtier-explain', undefined],
		['another page', 'security.md', undefined],
		['another host', 'https://example.com/none#none', undefined],
	])('%s: found out, or fine', (_case, link, expected) => {
		const text = '# One name for one fact\n## Again\n## Again\n## `envtier explain`\n';
		const page = { file: 'docs/page.md', text: `${text}[link](${link})` };

		expect(linksOf(page.text).map((one) => fault(page, one))).toEqual([expected]);
	});
});
