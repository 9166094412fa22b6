import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CHART_THEMES, fetcherChart, label } from '../../bench/support/chart.ts';
import { AGENT, FETCHER, type FetcherResults } from '../../bench/support/results.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const read = (path: string): string => readFileSync(join(DOCS, path), 'utf8');
const results = JSON.parse(read('images/fetcher.json')) as FetcherResults;

/** Names of elements that are open at the end of the text, or a tag that closes another element. */
function openElements(xml: string): readonly string[] {
	const open: string[] = [];
	for (const [, close = '', name = '', empty = ''] of xml.matchAll(
		/<(\/?)([a-z]+)(?:\s+[\w:-]+="[^"<&]*")*(\/?)>/g,
	)) {
		if (close !== '' && open.pop() !== name) return [`</${name}>`];
		if (close === '' && empty === '') open.push(name);
	}
	return open;
}

test.each(CHART_THEMES)('the chart for %s pages is made of the results, and is well-formed', (theme) => {
	const chart = read(`images/fetcher-${theme}.svg`);
	expect(chart).toBe(fetcherChart(results, theme));
	expect(openElements(chart)).toEqual([]);
	const tags = chart.match(/</g)?.length;
	expect(chart.match(/<\/?[a-z]+(?:\s+[\w:-]+="[^"<&]*")*\/?>/g)).toHaveLength(tags ?? 0);
});

test.each(CHART_THEMES)('the chart for %s pages has the figures of each number of keys', (theme) => {
	const chart = read(`images/fetcher-${theme}.svg`);
	const warm = results.cases.filter(({ roundTripMs, cold }) => roundTripMs === 0 && !cold);
	expect(warm.map(({ keys }) => keys)).toEqual([4, 50, 500]);
	for (const { programs } of warm) {
		const [own, agent] = [programs[FETCHER], programs[AGENT]];
		expect(chart).toContain(label(own?.wallMs ?? 0, agent?.wallMs ?? 0, 'ms'));
		expect(chart).toContain(label(own?.cpuMs ?? 0, agent?.cpuMs ?? 0, 'ms'));
		expect(chart).toContain(label(own?.peakMiB ?? 0, agent?.peakMiB ?? 0, 'MiB'));
	}
});

test('docs/performance.md shows the chart that fits the page', () => {
	const page = read('performance.md');
	expect(page).toContain('<source media="(prefers-color-scheme: dark)" srcset="images/fetcher-dark.svg">');
	expect(page).toContain('src="images/fetcher-light.svg"');
});
