import { statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installedBun } from '../../../build/executable.ts';
import { must } from '../../support/openbao-setup.ts';
import { startProcess } from '../../support/process.ts';
import { until } from '../../support/until.ts';
import { startApplication } from './support/application.ts';
import { type Ground, makeWorld, startGround } from './support/world.ts';

const POLLS = 1_000;
const TIERS = 2;

/**
 * Makes the waits between two checks (8 to 12 s) a thousand times shorter, and nothing else. The sidecar's
 * clock goes on by what was left out.
 */
const HASTE = `
const wait = globalThis.setTimeout;
const uptime = process.uptime.bind(process);
let skipped = 0;
process.uptime = () => uptime() + skipped;
globalThis.setTimeout = Object.assign((work, ms, ...more) => {
	if (!(ms >= 7990 && ms <= 12001)) return wait(work, ms, ...more);
	return wait((...all) => {
		skipped += (ms - ms / 1000) / 1000;
		work(...all);
	}, ms / 1000, ...more);
}, wait);
`;

/** The calendar goes on as well, so that tokens end. */
const CALENDAR = `
const today = Date.now.bind(Date);
Date.now = () => today() + skipped * 1000;
`;

let ground: Ground;
beforeAll(async () => {
	ground = await startGround();
	const options = { file_path: `${ground.vault.dir}/audit.log` };
	await must(ground.vault, 'PUT', 'sys/audit/file', { body: { type: 'file', options } });
});
afterAll(() => ground[Symbol.asyncDispose]());

test.each([
	['where one request shows a tier', true],
	['where it lists and reads', false],
])(
	'1,000 checks without a change write nothing and notify nobody: %s',
	async (_where, details) => {
		await using app = await startApplication(204);
		await using world = await makeWorld(ground, { details });
		await world.fetch(app.env);
		const { out, scratch, env } = world.pod;
		const state = join(world.privateDir, 'state.json');
		const before = [statSync(out, { bigint: true }).mtimeNs, statSync(state, { bigint: true }).ino];
		const requests = async (): Promise<readonly string[]> => {
			const text = await readFile(`${ground.vault.dir}/audit.log`, 'utf8');
			return text
				.split('\n')
				.filter((line) => line.includes('"type":"request"') && line.includes(world.name));
		};
		const count = (lines: readonly string[], text: string) =>
			lines.filter((line) => line.includes(text)).length;
		const haste = join(scratch.dir, 'haste.ts');
		writeFileSync(haste, HASTE);
		// From its sources: the executable loads no such program.
		await using running = await startProcess({
			command: installedBun(),
			args: [`--preload=${haste}`, join(import.meta.dirname, '../../../fetcher/main.ts')],
			env: { ...env, ...world.env, ...app.env, ENVTIER_MODE: 'refresh' },
		});
		const detailed = '"path":"secret/detailed-metadata/';
		const each = details ? detailed : '"path":"secret/metadata/';
		const checks = async () => count(await requests(), each) / TIERS;
		await until('1,000 checks', async () => (await checks()) >= POLLS, { timeoutMs: 280_000, everyMs: 500 });
		const seen = await requests();
		const reads = count(
			seen.filter((line) => line.includes('"operation":"read"')),
			'"path":"secret/data/',
		);
		// Two keys: by the init container, and by the first check, which has seen no state yet.
		if (details) expect(reads).toBe(4);
		else expect(reads).toBeGreaterThan(POLLS);
		// A thousand checks take 2.8 hours. The refused request is sent at the first check, and once an hour.
		const asked = count(seen, detailed) / TIERS;
		if (!details) expect([3, 4, 5]).toContain(asked);
		expect([statSync(out, { bigint: true }).mtimeNs, statSync(state, { bigint: true }).ino]).toEqual(before);
		expect(app.accepted).toEqual([]);
		expect(running.stdout()).not.toContain('secrets changed');
		expect(running.stdout()).not.toContain('failed');
	},
	300_000,
);

test('the log has the revision of the files once an hour', async () => {
	await using world = await makeWorld(ground, { details: true });
	await world.fetch();
	const { scratch, env } = world.pod;
	const haste = join(scratch.dir, 'haste.ts');
	writeFileSync(haste, HASTE + CALENDAR);
	await using running = await startProcess({
		command: installedBun(),
		args: [`--preload=${haste}`, join(import.meta.dirname, '../../../fetcher/main.ts')],
		env: { ...env, ...world.env, ENVTIER_MODE: 'refresh' },
	});
	const lines = () =>
		running
			.stdout()
			.split('\n')
			.filter((line) => line.includes('"secrets are current"'))
			.map((line) => JSON.parse(line) as { readonly time: number; readonly revision: string });
	await until('three hours', () => lines().length >= 3, { timeoutMs: 280_000, everyMs: 500 });
	const [first, second, third] = lines();
	for (const line of [first, second, third]) expect(line?.revision).toBe(world.state()['revision']);
	const hour = 3_600_000;
	for (const gap of [(second?.time ?? 0) - (first?.time ?? 0), (third?.time ?? 0) - (second?.time ?? 0)]) {
		expect(gap).toBeGreaterThanOrEqual(hour);
		// And a check.
		expect(gap).toBeLessThan(hour + 15_000);
	}
}, 300_000);
