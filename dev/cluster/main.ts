/**
 * A Kubernetes cluster of one node for development: `up` (in the background) or `down`, then optionally a
 * directory for its state.
 */
import { join } from 'node:path';
import process from 'node:process';
import { cacheDir } from '../../test/support/cache.ts';
import { down } from './down.ts';
import { serve } from './serve.ts';
import { stateFiles } from './state.ts';
import { up } from './up.ts';

const [, , command, folder = join(cacheDir(), 'cluster')] = process.argv;
const files = stateFiles(folder);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const start = performance.now();
const sayWhen = (line: string): void => say(`[${Math.round((performance.now() - start) / 1000)} s] ${line}`);
const signal = new Promise<void>((resolve) => {
	process.once('SIGTERM', () => resolve());
	process.once('SIGINT', () => resolve());
});

switch (command) {
	case 'up':
		process.exitCode = await up(files, import.meta.filename, say);
		break;
	case 'serve':
		process.exit(await serve(files, sayWhen, signal));
		break;
	case 'down':
		process.exitCode = await down(files, say);
		break;
	default:
		say('usage: main.ts up | down [directory]');
		process.exitCode = 2;
}
