import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runProcess, startProcess } from './process.ts';
import { until } from './until.ts';

const node = (code: string) => ({ command: process.execPath, args: ['-e', code] });
const forever = 'setInterval(() => {}, 1000)';

function isAlive(pid: number): boolean {
	try {
		// A zombie that nobody has waited for yet is dead, too.
		return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
	} catch {
		return false;
	}
}

describe('a child process', () => {
	test('is waited for until it is ready', async () => {
		await using child = await startProcess(node(`setTimeout(() => console.log('serving'), 200); ${forever}`));
		await child.waitUntil('it serves', () => child.stdout().includes('serving'));
		expect(isAlive(child.pid)).toBe(true);
	});

	test('that ends before it is ready fails at once, with its last lines', async () => {
		await using child = await startProcess({
			...node(`console.error('port is taken'); process.exitCode = 3`),
			name: 'server',
		});
		const waiting = child.waitUntil('it serves', () => false, { timeoutMs: 60_000 });
		await expect(waiting).rejects.toThrow(/server ended \(exit code 3\) before it serves\nport is taken/);
	});

	test('that never gets ready fails when the time is up, saying for what it waited', async () => {
		await using child = await startProcess(node(`console.log('warming up'); ${forever}`));
		await child.waitUntil('it speaks', () => child.stdout() !== '');
		const waiting = child.waitUntil('it serves', () => false, { timeoutMs: 100 });
		await expect(waiting).rejects.toThrow(/waited 100 ms for it serves\nwarming up/);
	});

	test('that ignores SIGTERM is killed after the grace, with its own children', async () => {
		const child = await startProcess(
			node(
				`process.on('SIGTERM', () => {}); const c = require('node:child_process').spawn('sleep', ['1000']); console.log(c.pid); ${forever}`,
			),
		);
		await child.waitUntil('its child runs', () => child.stdout().trim());
		const grandchild = Number(child.stdout());
		expect(await child.stop(100)).toEqual({ code: null, signal: 'SIGKILL' });
		await until('the grandchild to end', () => !isAlive(grandchild));
	});

	test.runIf(process.platform === 'linux')('dies with a test runner that is killed', async () => {
		const support = JSON.stringify(new URL('./process.ts', import.meta.url).href);
		const runner = await startProcess({
			command: process.execPath,
			args: [
				'--input-type=module-typescript',
				'-e',
				`const { startProcess } = await import(${support}); const child = await startProcess({ command: 'sleep', args: ['1000'] }); console.log(child.pid); ${forever}`,
			],
		});
		await runner.waitUntil('its child runs', () => runner.stdout().trim());
		const child = Number(runner.stdout());
		expect(isAlive(child)).toBe(true);
		process.kill(runner.pid, 'SIGKILL');
		await until('the child to end', () => !isAlive(child));
		await runner.stop();
	});

	test('that is not installed is an error that names it', async () => {
		await expect(startProcess({ command: 'no-such-program' })).rejects.toThrow(/"no-such-program" can't be/);
	});

	test('sees nothing of our environment but PATH, and the input it is given', async () => {
		const code = 'process.stdin.pipe(process.stdout); console.log(Object.keys(process.env).join())';
		const done = await runProcess({ ...node(code), input: 'hello' });
		expect(done).toMatchObject({ code: 0, stdout: 'PATH\nhello' });
	});
});
