import process from 'node:process';
import { EXIT_CODES } from '../contract/exit-codes.ts';
import { now } from './clock.ts';
import { endProcess } from './end.ts';
import { Failure } from './failure.ts';
import { openLog } from './log.ts';
import { endingOf, leaveWords } from './outcome.ts';
import { run } from './run.ts';
import { readSettings, terminationLog } from './settings.ts';
import { forgetProxies } from './transport/bun-fetch.ts';

const settings = readSettings(process.env);
forgetProxies(process.env);
const lastWords = terminationLog(process.env);
const log = openLog(settings.ok ? settings.value.logLevel : 'info');

function fail(thrown: unknown): never {
	const { reason, words, places } = endingOf(thrown);
	const durationMs = Math.round(now());
	log.error(words, { reason, durationMs, ...(places.length > 0 ? { places } : {}) });
	leaveWords(lastWords, words);
	endProcess(EXIT_CODES[reason].code);
}

process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);

const stopped = Promise.withResolvers<never>();
// The run may end without having waited for it.
stopped.promise.catch(() => undefined);
const stop = (signal: string): void =>
	stopped.reject(new Failure('terminated', `${signal} came before everything was written; nothing was`));
process.on('SIGTERM', stop);
process.on('SIGINT', stop);

if (!settings.ok) fail(new Failure('settings', settings.error.join('; ')));
try {
	await run({ settings: settings.value, log, stopped: stopped.promise });
} catch (thrown) {
	fail(thrown);
}
endProcess(EXIT_CODES.ok.code);
