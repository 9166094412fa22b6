import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runProcess, startProcess } from './process.ts';

let root: string;
beforeEach(async () => {
	root = await mkdtemp(join(tmpdir(), 'envtier-cache-'));
});
afterEach(() => rm(root, { recursive: true }));

/** A run of its own that wants the part; its install notes itself in a file, then does `work`. */
function run(work: string) {
	const cache = JSON.stringify(new URL('./cache.ts', import.meta.url).href);
	const code = `
		import { appendFile, writeFile } from 'node:fs/promises';
		const { cached } = await import(${cache});
		console.log(await cached({ name: 'part', version: '1', install: async (dir, say) => {
			say('installing');
			await appendFile(${JSON.stringify(join(root, 'installs'))}, 'x');
			await writeFile(dir + '/program', 'built');
			${work}
		} }));`;
	return {
		command: process.execPath,
		args: ['--input-type=module', '-e', code],
		env: { PATH: process.env['PATH'], ENVTIER_TEST_CACHE: join(root, 'kept') },
	};
}

const slowly = 'await new Promise((done) => setTimeout(done, 300));';

test('four runs at once install a part once and all get it complete', async () => {
	const runs = await Promise.all([1, 2, 3, 4].map(() => runProcess(run(slowly))));
	for (const { code, stdout } of runs) {
		expect(code).toBe(0);
		expect(await readFile(join(stdout.trim(), 'program'), 'utf8')).toBe('built');
	}
	expect(await readFile(join(root, 'installs'), 'utf8')).toBe('x');
});

test('a run that is killed while it installs leaves no half part and no lock', async () => {
	await using killed = await startProcess(run('await new Promise((done) => setTimeout(done, 60_000));'));
	await killed.waitUntil('it installs', () => killed.stderr().includes('] installing\n'));
	await killed.stop(0);
	const next = await runProcess(run(''));
	expect(next.code).toBe(0);
	expect((await readdir(join(root, 'kept'))).sort()).toEqual(['.part-1.lock', 'part-1']);
});

test('a failed install keeps nothing and says why; the next run tries again', async () => {
	const failed = await runProcess(run(`throw new Error('the compiler is missing');`));
	expect(failed.code).not.toBe(0);
	expect(failed.stderr).toContain('the compiler is missing');
	expect(await readdir(join(root, 'kept'))).toEqual(['.part-1.lock']);
	expect((await runProcess(run(''))).code).toBe(0);
});
