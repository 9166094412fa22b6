import { setTimeout as sleep } from 'node:timers/promises';
import { parseName } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import type { NetworkError } from '../../lib/http/network-errors.ts';
import { object } from '../../lib/json.ts';
import { oneLineMessage } from '../../lib/terminal.ts';
import type { ExitStatus } from '../exit-codes.ts';
import { type HttpAnswer, httpCall } from '../http.ts';
import { whyRefused } from './refused-token.ts';
import type { ApiSettings } from './settings.ts';

/** Why the API did not do a call. */
export interface ApiFailure {
	readonly ending: ExitStatus;
	readonly message: string;
	/** True when the API may have done the call although no response came. */
	readonly uncertain: boolean;
}

/** Sends one call. Returns the decoded body of a successful response. */
export type ApiCall = (
	method: string,
	path: string,
	body?: unknown,
	headers?: Readonly<Record<string, string>>,
) => Promise<Result<unknown, ApiFailure>>;

/** Maximum total wait of a call while the API limits its rate, in seconds. */
const RETRY_TIME = 90;

const ENDINGS: Readonly<Record<number, ExitStatus>> = {
	400: 'usage',
	401: 'denied',
	403: 'denied',
	404: 'absent',
	409: 'conflict',
	413: 'usage',
	415: 'usage',
};

/**
 * A client of the secrets API. It waits and retries when the API limits its rate.
 *
 * @param waiting called before each such wait, with its length in seconds
 */
export function apiClient(settings: ApiSettings, waiting: (seconds: number) => void): ApiCall {
	const { url, token, ca, org } = settings;
	const headers = { authorization: `Bearer ${token}`, ...(org === undefined ? {} : { 'envtier-org': org }) };
	const options = ca === undefined ? {} : { ca };
	return async (method, path, body, more = {}) => {
		for (let waited = 0; ; ) {
			const answer = await httpCall({
				method,
				url: new URL(path, url),
				headers: { ...headers, ...more },
				body,
				options,
				timeoutMs: 30_000,
			});
			if (!answer.ok)
				return err({
					ending: 'unavailable',
					message: `the secrets API at ${url} ${answer.error.message}${trustHint(answer.error, settings)}`,
					uncertain: answer.error.kind === 'unreachable',
				});
			const pause = pauseOf(answer.value);
			if (pause === undefined || waited + pause > RETRY_TIME)
				return outcome(answer.value, settings, () => deploymentOf(path, body));
			waiting(pause);
			await sleep(pause * 1000);
			waited += pause;
		}
	};
}

/** The seconds to wait before a retry; undefined when the API asks for no retry. */
function pauseOf({ status, headers }: HttpAnswer): number | undefined {
	const seconds = Number(headers['retry-after']);
	return status === 429 && Number.isInteger(seconds) && seconds > 0 ? seconds : undefined;
}

function outcome(
	{ status, body }: HttpAnswer,
	settings: ApiSettings,
	deployment: () => string | undefined,
): Result<unknown, ApiFailure> {
	if (status === 200 || status === 201) return ok(body);
	const apiMessage = object(body)?.['error'];
	const { url } = settings;
	const foreign = `${url} answers with status ${status}, but not as the secrets API does: check ENVTIER_API_URL`;
	return err({
		ending: ENDINGS[status] ?? 'unavailable',
		message:
			typeof apiMessage === 'string'
				? `${oneLineMessage(apiMessage)}${hint(status, apiMessage, settings, deployment())}`
				: foreign,
		uncertain: status >= 500,
	});
}

/** A remedy for an error of the API, where the command knows more than the API. */
function hint(
	status: number,
	message: string,
	settings: ApiSettings,
	deployment: string | undefined,
): string {
	if (status === 401) return `; ${whyRefused(settings.token, settings.tokenSource, new Date())}`;
	if (status === 403 && deployment !== undefined && message.startsWith('there is no such deployment'))
		return `: \`envtier deployments create ${deployment} --org ${settings.org ?? 'NAME'}\` registers one that nobody has yet`;
	return '';
}

/** The deployment that a call names; undefined for a call with a secret's id. */
function deploymentOf(path: string, body: unknown): string | undefined {
	const queryName = new URL(path, 'https://placeholder.invalid').searchParams.get('deployment');
	const name = queryName ?? object(body)?.['deploymentName'];
	return typeof name === 'string' && parseName(name).ok ? name : undefined;
}

/** How to make the command trust a server. */
function trustHint({ lacks }: NetworkError, { ca }: ApiSettings): string {
	if (lacks === 'trusted-ca')
		return ca === undefined
			? ': ENVTIER_API_CA is not set, so the CAs of the system are trusted; set it to the CA of the API (PEM text or a file)'
			: ': the CA in ENVTIER_API_CA did not sign it';
	if (lacks === 'name') return ': ENVTIER_API_URL must have a name of the certificate';
	return '';
}
