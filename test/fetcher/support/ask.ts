/**
 * Sends GET requests with the fetcher's transport, one after another, and prints each result as JSON: a
 * status, `retryable`, or the sentence of a failure that is not retryable. Runs on Bun: `bun ask.ts ADDRESS
 * PATH…`.
 */
import process from 'node:process';
import { Failure } from '../../../fetcher/failure.ts';
import { endpointOf } from '../../../fetcher/transport/endpoint.ts';
import { openTransport } from '../../../fetcher/transport/transport.ts';

const TIMEOUT_MS = 10_000;

const [, , address = '', ca = '', ...paths] = process.argv;
const transport = openTransport(endpointOf(address), ca === '' ? undefined : ca);
const outcomes: (number | string)[] = [];
for (const path of paths) {
	try {
		const { status } = await transport.send(
			{ method: 'GET', path, headers: {}, body: undefined },
			TIMEOUT_MS,
		);
		outcomes.push(status);
	} catch (thrown) {
		if (!(thrown instanceof Failure)) throw thrown;
		outcomes.push(thrown.retryable ? 'retryable' : thrown.message);
	}
}
process.stdout.write(JSON.stringify(outcomes));
