import process from 'node:process';
import { EXIT_CODES } from '../contract/exit-codes.ts';
import { READY_ARGUMENT, RESTART_EXIT_CODE } from '../contract/refresh.ts';
import { now } from './clock.ts';
import { Failure } from './failure.ts';
import { openLog } from './log.ts';
import { isReady } from './refresh/readiness.ts';
import { run } from './run.ts';
import { privateDirectory, readSettings, terminationLog } from './settings.ts';
import { terminationOf, writeTerminationMessage } from './termination-message.ts';
import { forgetProxies } from './transport/bun-fetch.ts';

// The readiness probe of the sidecar runs this program.
if (process.argv[2] === READY_ARGUMENT) process.exit(isReady(privateDirectory(process.env)) ? 0 : 1);

const settings = readSettings(process.env);
forgetProxies(process.env);
const terminationMessagePath = terminationLog(process.env);
const log = openLog(settings.ok ? settings.value.logLevel : 'info');

function fail(thrown: unknown): never {
	const { reason, message, places } = terminationOf(thrown);
	const durationMs = Math.round(now());
	log.error(message, { reason, durationMs, ...(places.length > 0 ? { places } : {}) });
	writeTerminationMessage(terminationMessagePath, message);
	process.exit(EXIT_CODES[reason].code);
}

process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);

const stopped = Promise.withResolvers<never>();
// Prevents an unhandled rejection if the run ends first.
stopped.promise.catch(() => undefined);
const stop = (signal: string): void =>
	stopped.reject(
		new Failure('terminated', `${signal} came before the files were complete; nothing was written`),
	);
process.on('SIGTERM', stop);
process.on('SIGINT', stop);

if (!settings.ok) fail(new Failure('settings', settings.error.join('; ')));
try {
	const parts = { settings: settings.value, log, stopped: stopped.promise };
	if (settings.value.mode === 'refresh') {
		if ((await (await import('./refresh/sidecar.ts')).runSidecar(parts)) === 'restart') {
			writeTerminationMessage(terminationMessagePath, 'secrets changed: all containers of the pod restart');
			process.exit(RESTART_EXIT_CODE);
		}
	} else {
		const message = await run(parts);
		if (message !== undefined) writeTerminationMessage(terminationMessagePath, message);
	}
} catch (thrown) {
	fail(thrown);
}
process.exit(EXIT_CODES.ok.code);
