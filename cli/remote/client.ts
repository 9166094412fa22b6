import { setTimeout as sleep } from 'node:timers/promises';
import { err, ok, type Result } from '../../contract/result.ts';
import type { Ending } from '../exit-codes.ts';
import { type HttpAnswer, httpCall, saidBy } from '../http.ts';
import type { ApiSettings } from './settings.ts';

/** Why the API did not do a call. */
export interface ApiFailure {
	readonly ending: Ending;
	readonly message: string;
	/** True when it may have been done all the same: nobody knows. */
	readonly uncertain: boolean;
}

/** Sends one call; gives the decoded answer of a success. */
export type ApiCall = (method: string, path: string, body?: unknown) => Promise<Result<unknown, ApiFailure>>;

/** Seconds that a call waits at most, in all, when the API says that it is asked too much. */
const PATIENCE = 90;

const ENDINGS: Readonly<Record<number, Ending>> = {
	400: 'usage',
	401: 'denied',
	403: 'denied',
	404: 'absent',
	409: 'conflict',
	413: 'usage',
	415: 'usage',
};

const HINTS: Readonly<Record<number, string>> = {
	401: '; check ENVTIER_API_TOKEN',
};

/**
 * A client of the secrets API. When it is asked to slow down, it does.
 *
 * @param waiting told the seconds of each such pause
 */
export function apiClient(settings: ApiSettings, waiting: (seconds: number) => void): ApiCall {
	const { url, token, ca, org } = settings;
	const headers = { authorization: `Bearer ${token}`, ...(org === undefined ? {} : { 'envtier-org': org }) };
	const options = ca === undefined ? {} : { ca };
	return async (method, path, body) => {
		for (let waited = 0; ; ) {
			const answer = await httpCall({
				method,
				url: new URL(path, url),
				headers,
				body,
				options,
				timeoutMs: 30_000,
			});
			if (!answer.ok)
				return err({
					ending: 'unavailable',
					message: `the secrets API at ${url} ${answer.error.message}`,
					uncertain: answer.error.kind === 'unreachable',
				});
			const pause = pauseOf(answer.value);
			if (pause === undefined || waited + pause > PATIENCE) return outcome(answer.value, url);
			waiting(pause);
			await sleep(pause * 1000);
			waited += pause;
		}
	};
}

/** The seconds after which to ask again, if that is what the API says. */
function pauseOf({ status, headers }: HttpAnswer): number | undefined {
	const seconds = Number(headers['retry-after']);
	return status === 429 && Number.isInteger(seconds) && seconds > 0 ? seconds : undefined;
}

function outcome({ status, body }: HttpAnswer, url: string): Result<unknown, ApiFailure> {
	if (status === 200 || status === 201) return ok(body);
	const said = typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined;
	const foreign = `${url} answers with status ${status}, but not as the secrets API does: check ENVTIER_API_URL`;
	return err({
		ending: ENDINGS[status] ?? 'unavailable',
		message: typeof said === 'string' ? `${saidBy(said)}${HINTS[status] ?? ''}` : foreign,
		uncertain: status >= 500,
	});
}
