#!/usr/bin/env node
import process from 'node:process';
import { openTerminal } from '../lib/terminal.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { run } from './program.ts';

// A reader that needs no more (`envtier … | head`) closes the pipe. That is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
	if (error.code !== 'EPIPE') throw error;
	process.exit();
});

const stderr = openTerminal(process.stderr);
try {
	process.exitCode = await run(process.argv.slice(2), {
		env: process.env,
		stdin: process.stdin,
		stdout: openTerminal(process.stdout),
		stderr,
	});
} catch (error) {
	stderr.write(`envtier: a defect, please report it: ${error instanceof Error ? error.stack : error}\n`);
	process.exitCode = EXIT_CODES.internal.code;
}
