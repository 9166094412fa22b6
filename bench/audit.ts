/**
 * Measures the audit store with 1,000,000 lines, on SQLite and on a real PostgreSQL: the insertion in batches
 * as the API makes them, and then pages of 100 entries from queries of each kind. `STORE=sqlite` and
 * `STORE=postgres` measure one of them.
 */
import process from 'node:process';
import type { AuditQuery, AuditStore } from '../api/audit/store/store.ts';
import type { StampedLine } from '../lib/audit/lines.ts';
import { AUDIT_DATABASES } from '../test/api/audit/databases.ts';
import { median, percentile } from './support/stats.ts';

const LINES = Number(process.env['LINES'] ?? 1_000_000);
const BATCH = 500;
const DEPLOYMENTS = 200;
const ACTORS = 1_000;
const QUERIES = 100;
const START = Date.parse('2026-01-01T00:00:00Z');
/** Milliseconds between two lines: all of them span about 11 days. */
const STEP = 1_000;

const say = (text: string): void => void process.stdout.write(text);

function line(i: number): StampedLine {
	const deployment = `deployment-${i % DEPLOYMENTS}`;
	return {
		...{
			phase: 'result',
			time: new Date(START + i * STEP).toISOString(),
			via: 'session',
			org: `org-${i % 20}`,
		},
		...{ actor: `user:${i % ACTORS}`, action: i % 10 === 0 ? 'secrets.update' : 'secrets.list' },
		...{ eventId: `event-${i}`, scope: `deployments/${deployment}/secrets`, key: `KEY_${i % 50}` },
		...{ requestId: `request-${i}`, ip: '192.0.2.1', replica: `pod/${i % 3}`, sequence: i },
		...{ result: 'done', status: 200 },
	};
}

const until = new Date(START + LINES * STEP);
const all = { since: new Date(START), until, limit: 100 };
const queries: Readonly<Record<string, (i: number) => AuditQuery>> = {
	'one deployment': (i) => ({ ...all, deployment: `deployment-${i % DEPLOYMENTS}` }),
	'one organization': (i) => ({ ...all, org: `org-${i % 20}` }),
	'one actor': (i) => ({ ...all, actor: `user:${i % ACTORS}` }),
	'one action': () => ({ ...all, action: 'secrets.update' }),
	'one key of a deployment, newest first': (i) => ({
		...all,
		deployment: `deployment-${i % DEPLOYMENTS}`,
		key: `KEY_${i % 50}`,
		order: 'newest',
	}),
	'one deployment and actor': (i) => ({
		...all,
		deployment: `deployment-${i % DEPLOYMENTS}`,
		actor: `user:${i}`,
	}),
	'the last hour of everything': () => ({ ...all, since: new Date(until.getTime() - 3_600_000) }),
	'a page in the middle': (i) => ({
		...all,
		after: { time: START + (LINES / 2 + i) * STEP, replica: 'pod/1', sequence: LINES / 2 },
	}),
	'no entry at all': (i) => ({ ...all, actor: `user:nobody-${i}` }),
};

async function measure(name: string, store: AuditStore): Promise<void> {
	const batches: number[] = [];
	const start = performance.now();
	for (let at = 0; at < LINES; at += BATCH) {
		const lines = Array.from({ length: Math.min(BATCH, LINES - at) }, (_, i) => line(at + i));
		const begun = performance.now();
		await store.insert(lines);
		batches.push(performance.now() - begun);
	}
	const seconds = (performance.now() - start) / 1000;
	const rate = Math.round(LINES / seconds).toLocaleString('en');
	say(`\n${name}: ${LINES.toLocaleString('en')} lines in ${seconds.toFixed(0)} s, ${rate} a second; `);
	say(
		`a batch of ${BATCH}: median ${median(batches).toFixed(0)} ms, p99 ${percentile(batches, 0.99).toFixed(0)} ms\n`,
	);
	say('\n| query, a page of 100 | median ms | p99 ms | entries |\n|---|---|---|---|\n');
	for (const [what, query] of Object.entries(queries)) {
		const times: number[] = [];
		let entries = 0;
		for (let i = 0; i < QUERIES; i += 1) {
			const begun = performance.now();
			entries = (await store.page(query(i))).entries.length;
			times.push(performance.now() - begun);
		}
		say(`| ${what} | ${median(times).toFixed(1)} | ${percentile(times, 0.99).toFixed(1)} | ${entries} |\n`);
	}
}

for (const [name, start] of Object.entries(AUDIT_DATABASES)) {
	if (!name.startsWith(process.env['STORE'] ?? '')) continue;
	await using database = await start();
	const store = await database.open();
	try {
		await measure(name, store);
	} finally {
		await store.close();
	}
}
