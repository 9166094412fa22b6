import { ApiException } from '@kubernetes/client-node';
import { object, text } from '../../lib/json.ts';
import { oneLineMessage } from '../../lib/terminal.ts';
import { CertsFailure } from './failure.ts';

/**
 * Runs calls to the API server. Turns their errors into a `CertsFailure` whose message begins with `doing`.
 */
export async function calling<T>(server: string, doing: string, calls: () => Promise<T>): Promise<T> {
	try {
		return await calls();
	} catch (thrown) {
		const reason = explain(thrown, server);
		if (reason === undefined) throw thrown;
		throw new CertsFailure(`${doing} failed: ${reason}`);
	}
}

/** True when the API server's response has one of these statuses. */
export function hasStatus(thrown: unknown, ...statuses: readonly number[]): boolean {
	return thrown instanceof ApiException && statuses.includes(thrown.code);
}

/** The reason as a sentence; undefined for a defect. */
function explain(thrown: unknown, server: string): string | undefined {
	if (thrown instanceof ApiException) {
		const message = statusMessage(thrown.body);
		if (thrown.code === 401)
			return `${server} does not know who you are (401): sign in again, or name another --context`;
		if (thrown.code === 403) return `you may not: ${message}`;
		return `${server} answered ${thrown.code}: ${message}`;
	}
	// undici's fetch throws a TypeError with the reason as its cause.
	if (thrown instanceof TypeError && thrown.message === 'fetch failed' && thrown.cause instanceof Error)
		return `${server} cannot be reached: ${thrown.cause.message}`;
	return undefined;
}

/** `Status.message` on one line. The client returns some bodies as text. */
function statusMessage(body: unknown): string {
	const status: unknown = typeof body === 'string' ? parse(body) : body;
	const message = text(object(status)?.['message']);
	return message === undefined ? 'it does not say why' : oneLineMessage(message);
}

function parse(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
