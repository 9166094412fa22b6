import { codeOf } from '../transport/network-errors.ts';
import type { PendingChange } from './private-file.ts';

/** Timeout for the application's response, in ms. */
const TIMEOUT = 5_000;

/** The pod's loopback addresses. IP addresses, so that no resolver can send the request elsewhere. */
const HOSTS = ['127.0.0.1', '[::1]'];

/**
 * Sends the keys and the revision of a change to the application, without values. Does not follow redirects.
 *
 * @returns why it failed; undefined if the application answered with a 2xx status
 */
export async function postChange(
	port: number,
	path: string,
	change: PendingChange,
): Promise<string | undefined> {
	let problem = '';
	for (const host of HOSTS) {
		try {
			const response = await fetch(`http://${host}:${port}${path}`, {
				method: 'POST',
				headers: {
					'content-type': 'application/json',
					'user-agent': 'envtier-refresh',
					host: `localhost:${port}`,
				},
				body: JSON.stringify({ keys: change.keys, revision: change.revision }),
				redirect: 'manual',
				signal: AbortSignal.timeout(TIMEOUT),
			});
			await response.body?.cancel();
			return response.ok ? undefined : `status ${response.status}`;
		} catch (thrown) {
			problem ||= problemOf(thrown);
		}
	}
	return problem;
}

function problemOf(thrown: unknown): string {
	if (thrown instanceof Error && thrown.name === 'TimeoutError')
		return `no answer within ${TIMEOUT / 1000} s`;
	return codeOf(thrown) || 'no connection';
}
