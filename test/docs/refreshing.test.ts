import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeGeneration } from '../../fetcher/refresh/generation.ts';
import { startProcess } from '../support/process.ts';
import { scratch } from '../support/scratch.ts';
import { pageOf, ROOT } from './support/pages.ts';

const { text: page } = pageOf('docs/refreshing.md');
const EXAMPLES = [
	...['watcher.yaml', 'watch.mjs', 'signal.yaml', 'http.yaml', 'job.yaml'],
	...['statefulset.yaml', 'pool.mjs'],
];

test.each(EXAMPLES)('docs/refreshing.md leads to examples/refresh-%s, and it is there', (name) => {
	expect(page).toContain(`../examples/refresh-${name}`);
	expect(readFileSync(join(ROOT, 'examples', `refresh-${name}`), 'utf8')).not.toBe('');
});

test('examples/refresh-watch.mjs reads each new generation', async () => {
	await using place = await scratch('watch');
	const out = join(place.dir, 'secrets');
	mkdirSync(out);
	const write = (level: string): void =>
		writeGeneration(out, [{ path: 'env.json', content: JSON.stringify({ LOG_LEVEL: level }) }]);
	write('info');
	await using running = await startProcess({
		command: process.execPath,
		args: [join(ROOT, 'examples/refresh-watch.mjs'), out],
	});
	await running.waitUntil('it has started', () => running.stdout().includes('started with LOG_LEVEL=info'));
	for (const level of ['debug', 'warn']) {
		write(level);
		await running.waitUntil(`it has ${level}`, () => running.stdout().includes(`now LOG_LEVEL=${level}`));
	}
});
