/**
 * Measures the dashboard: the size of its files, and the grid of a deployment with 5,000 keys in Chromium:
 * the time until its first rows are painted, until a filter shows its rows, and the longest task that
 * blocks the page while somebody scrolls through all of it, by the clock and by the CPU time of its thread.
 * The second one hardly depends on what else the machine does.
 */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { startDashboard } from '../dev/dashboard/start.ts';
import { openPage, startBrowser } from '../test/dashboard/support/browser.ts';
import { bundleOf } from '../test/support/bundles.ts';
import { median } from './support/stats.ts';

const KEYS = 5_000;
const CALL = 500;
const ROUNDS = 5;
/** Steps in which the whole list scrolls by. */
const STEPS = 200;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const bundle = await bundleOf('api');
const folder = join(dirname(bundle), 'ui');
let total = 0;
for (const name of (await readdir(folder)).filter((one) => /\.(?:js|css|html)$/.test(one))) {
	const size = gzipSync(await readFile(join(folder, name))).length;
	total += size;
	say(`${name}: ${(size / 1024).toFixed(1)} KiB, gzip`);
}
say(`all: ${(total / 1024).toFixed(1)} KiB, gzip`);

const dashboard = await startDashboard({
	listen: '127.0.0.1:0',
	dashboardBeside: pathToFileURL(bundle).href,
	env: { ENVTIER_LOG_LEVEL: 'silent' },
});
const browser = await startBrowser();
try {
	const { page } = await openPage(browser, { width: 1440, height: 900 });
	await page.goto(`${dashboard.url}/ui/`);
	await page.getByRole('link', { name: /^Sign in/ }).click();
	await page.getByRole('heading', { name: 'Deployments' }).waitFor();
	await fill(page);
	const rounds = [];
	for (let round = 0; round < ROUNDS; round += 1) rounds.push(await measure(page));
	for (const name of ['firstRows', 'filtered', 'longestTask', 'longestCpu', 'cpuOfStep'] as const)
		say(`${name}: ${median(rounds.map((one) => one[name])).toFixed(1)} ms, median of ${ROUNDS}`);
} finally {
	await browser.close();
	await dashboard.stop();
}

/** Saves the keys as the page itself would. A third of them are overridden in a service. */
async function fill(page: Page): Promise<void> {
	for (let start = 0; start < KEYS; start += CALL) {
		const keys = Array.from({ length: CALL }, (_, index) => `KEY_${String(start + index).padStart(5, '0')}`);
		const changes = keys.map((key, index) => ({
			...{ change: 'create', key, value: 'v', description: `number ${index}`, tags: ['team:web'] },
			...(index % 3 === 0 ? { tier: 'service', service: `s${index % 4}` } : { tier: 'deployment' }),
		}));
		const body = JSON.stringify({ deployment: 'shop', changes });
		const status = await page.evaluate(`fetch('/api/changes', { method: 'POST', body: ${JSON.stringify(body)},
			headers: { 'content-type': 'application/json', 'envtier-client': 'dashboard' } }).then(({ status }) => status)`);
		if (status !== 200) throw new Error(`the API answered ${status}`);
	}
}

interface Round {
	readonly firstRows: number;
	readonly filtered: number;
	readonly longestTask: number;
	/** The same in CPU time. */
	readonly longestCpu: number;
	/** CPU time of the page's thread for one step of 25 rows. */
	readonly cpuOfStep: number;
}

/** The CPU times of the tasks of the page's thread, in ms. */
function taskTimes(trace: Buffer): readonly number[] {
	const { traceEvents } = JSON.parse(trace.toString('utf8')) as { traceEvents: readonly TraceEvent[] };
	const isPage = ({ name, args }: TraceEvent) => name === 'thread_name' && args?.name === 'CrRendererMain';
	const pages = new Set(traceEvents.filter(isPage).map(({ pid, tid }) => `${pid} ${tid}`));
	return traceEvents.flatMap(({ name, pid, tid, tdur }) =>
		name === 'RunTask' && pages.has(`${pid} ${tid}`) ? [(tdur ?? 0) / 1_000] : [],
	);
}

interface TraceEvent {
	readonly name: string;
	readonly pid: number;
	readonly tid: number;
	/** In µs. */
	readonly tdur?: number;
	readonly args?: { readonly name?: string };
}

async function measure(page: Page): Promise<Round> {
	await page.goto(`${dashboard.url}/ui/deployments/shop`);
	const firstRows = Number(
		await page.evaluate(`new Promise((resolve) => {
			const look = () => document.querySelector('.grid-row')
				? requestAnimationFrame(() => resolve(performance.now())) : requestAnimationFrame(look);
			look();
		})`),
	);
	await page.evaluate(`window.longest = 0;
		new PerformanceObserver((list) => {
			for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
		}).observe({ entryTypes: ['longtask'] })`);
	await browser.startTracing(page, {
		categories: ['devtools.timeline', 'disabled-by-default-devtools.timeline'],
	});
	await page.evaluate(`(async () => {
		const grid = document.querySelector('.grid');
		for (let top = 0; top < grid.scrollHeight; top += grid.scrollHeight / ${STEPS}) {
			grid.scrollTop = top;
			await new Promise(requestAnimationFrame);
		}
	})()`);
	const times = taskTimes(await browser.stopTracing());
	if (times.length === 0) throw new Error('the trace has no tasks');
	const longestTask = Number(await page.evaluate('window.longest'));
	const filtered = Number(
		await page.evaluate(`new Promise((resolve) => {
			const field = document.querySelector('input[aria-label="Filter keys"]');
			const start = performance.now();
			field.value = 'KEY_04999';
			field.dispatchEvent(new Event('input', { bubbles: true }));
			const look = () => document.querySelectorAll('.grid-row').length === 1
				? resolve(performance.now() - start) : requestAnimationFrame(look);
			look();
		})`),
	);
	const cpuOfStep = times.reduce((sum, one) => sum + one, 0) / STEPS;
	return { firstRows, filtered, longestTask, longestCpu: Math.max(...times), cpuOfStep };
}
