import { AGENT, FETCHER, type FetcherCase, type FetcherResults, type Medians } from './results.ts';

/** Colours of a chart, for a light and a dark background. */
const THEMES = {
	light: { text: '#1f2328', quiet: '#59636e', agent: '#d1d9e0', fetcher: '#0969da' },
	dark: { text: '#f0f6fc', quiet: '#9198a1', agent: '#3d444d', fetcher: '#4493f8' },
} as const;

/** Name of a set of colours. */
export type Theme = keyof typeof THEMES;

/** Names of all sets of colours. */
export const CHART_THEMES = Object.keys(THEMES) as readonly Theme[];

const MEASURES = [
	{ title: 'wall time', unit: 'ms', of: ({ wallMs }: Medians) => wallMs },
	{ title: 'CPU time', unit: 'ms', of: ({ cpuMs }: Medians) => cpuMs },
	{ title: 'peak memory', unit: 'MiB', of: ({ peakMiB }: Medians) => peakMiB },
] as const;

const WIDTH = 760;
/** Start of the bars, and length of the agent's bar, in pixels. */
const LEFT = 150;
const FULL = 420;
const ROW = 26;
const HEAD = 54;
const GROUP_GAP = 14;

/** The cases that the chart shows: without delay and with programs in the file cache. */
const shown = ({ cases }: FetcherResults): readonly FetcherCase[] =>
	cases.filter(({ roundTripMs, cold }) => roundTripMs === 0 && !cold);

/** The text of a figure. */
const figure = (value: number): string => value.toFixed(0);

/** The label of a bar: the fetcher's figure, the agent's, and the ratio. */
export function label(fetcher: number, agent: number, unit: string): string {
	return `${figure(fetcher)} of ${figure(agent)} ${unit} (${(fetcher / agent).toFixed(2)} ×)`;
}

/** Draws the cost of a fetch compared with the agent, as an SVG document. */
export function fetcherChart(results: FetcherResults, theme: Theme): string {
	const colours = THEMES[theme];
	const parts: string[] = [];
	const write = (x: number, y: number, text: string, colour: string, style = ''): void => {
		parts.push(`<text x="${x}" y="${y}" fill="${colour}"${style}>${text}</text>`);
	};
	let y = HEAD;
	for (const { keys, programs } of shown(results)) {
		const [fetcher, agent] = [programs[FETCHER], programs[AGENT]];
		if (fetcher === undefined || agent === undefined) continue;
		for (const [row, { title, unit, of }] of MEASURES.entries()) {
			if (row === 0) write(8, y + 14, `3 × ${keys} keys`, colours.text, ' font-weight="600"');
			write(LEFT - 8, y + 14, title, colours.quiet, ' text-anchor="end"');
			const length = Math.max(1, (of(fetcher) / of(agent)) * FULL).toFixed(1);
			parts.push(
				`<rect x="${LEFT}" y="${y}" width="${FULL}" height="18" rx="3" fill="${colours.agent}"/>`,
				`<rect x="${LEFT}" y="${y}" width="${length}" height="18" rx="3" fill="${colours.fetcher}"/>`,
			);
			write(LEFT + FULL + 10, y + 14, label(of(fetcher), of(agent), unit), colours.text);
			y += ROW;
		}
		y += GROUP_GAP;
	}
	const title = 'One fetch beside bao agent';
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img" font-family="system-ui, sans-serif" font-size="13">`,
		`<title>${title}</title>`,
		`<text x="8" y="20" fill="${colours.text}" font-size="15" font-weight="600">${title}</text>`,
		`<text x="8" y="40" fill="${colours.quiet}">The whole bar is the agent, the coloured part the fetcher. Medians, ${results.date}, ${results.cores} cores.</text>`,
		...parts,
		'</svg>',
		'',
	].join('\n');
}
