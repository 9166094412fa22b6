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
	if (!existsSync(target)) return `${link} leads to nothing`;
	if (anchor === undefined || statSync(target).isDirectory()) return undefined;
	return anchorsOf(readFileSync(target, 'utf8')).has(anchor) ? undefined : `${link} leads to no heading`;
}

describe('links', () => {
	test.for(pages().map((page) => [page.file, page] as const))('of %s lead somewhere', ([, page]) => {
		const faults = linksOf(page.text).map((link) => fault(page, link));

		expect(faults.filter((one) => one !== undefined)).toEqual([]);
	});

	test('to a file, a heading or a place that does not exist are found', () => {
		const page = { file: 'docs/page.md', text: '# One\n[a](none.md) [b](#two) [c](../../x) [d](#one)' };

		expect(linksOf(page.text).map((link) => fault(page, link) !== undefined)).toEqual([
			true,
			true,
			true,
			// The file itself is looked at, and this one exists only here.
			true,
		]);
	});
});
