import { err, ok, type Result } from '../../contract/result.ts';
import { oneLineMessage } from '../../lib/terminal.ts';
import type { ExitStatus } from '../exit-codes.ts';
import { type HttpAnswer, httpCall } from '../http.ts';
import type { AdminSettings } from './settings.ts';

/** Why Vault was not changed as planned. */
export interface ApplyFailure {
	readonly ending: ExitStatus;
	readonly message: string;
}

/** Sends one request to Vault; `path` comes without `/v1/`. Whatever the status, it is an answer. */
export type Ask = (method: string, path: string, body?: unknown) => Promise<Result<HttpAnswer, ApplyFailure>>;

/** A client for the Vault that the settings name. */
export function vaultClient({ address, token, ca, namespace }: AdminSettings): Ask {
	const headers = {
		'x-vault-token': token,
		'x-vault-request': 'true',
		...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
	};
	return async (method, path, body) => {
		const options = ca === undefined ? {} : { ca };
		const answer = await httpCall({ method, url: new URL(`${address}/v1/${path}`), headers, body, options });
		if (answer.ok) return answer;
		return err({ ending: 'unavailable', message: `${address} ${answer.error.message}` });
	};
}

/** The field `data` of an answer; undefined when there is none. */
export function dataOf({ body }: HttpAnswer): Readonly<Record<string, unknown>> | undefined {
	return (body as { data?: Readonly<Record<string, unknown>> } | undefined)?.data;
}

/** What is at a path; undefined when nothing is. */
export async function readData(
	ask: Ask,
	path: string,
): Promise<Result<Readonly<Record<string, unknown>> | undefined, ApplyFailure>> {
	const answer = await ask('GET', path);
	if (!answer.ok) return answer;
	const { status, body } = answer.value;
	// With a sentence beside it, a 404 means that nothing is mounted there.
	if (status === 404 && errorsOf(body).length === 0) return ok(undefined);
	return status === 200 ? ok(dataOf(answer.value)) : err(refused(answer.value, `reading ${path}`));
}

function errorsOf(body: unknown): readonly string[] {
	const errors = (body as { errors?: unknown } | undefined)?.errors;
	return Array.isArray(errors) ? errors.filter((one) => typeof one === 'string') : [];
}

/** The failure that an answer other than success means. */
export function refused({ status, body }: HttpAnswer, what: string): ApplyFailure {
	const said = errorsOf(body).join('; ').trim();
	const mount = /no handler for route|unsupported path/.test(said)
		? ': there is no auth method at that mount'
		: '';
	return {
		ending: status === 403 ? 'denied' : status >= 500 ? 'unavailable' : 'failed',
		message: `${what}: Vault answers ${status}${said === '' ? '' : ` ${oneLineMessage(said)}`}${mount}`,
	};
}

/**
 * Asks Vault for the accessor of an auth method, by which policies tell whose login they are about.
 *
 * @param mount path of the method, without `auth/`
 */
export async function accessorOf(mount: string, ask: Ask): Promise<Result<string, ApplyFailure>> {
	const answer = await ask('GET', `sys/auth/${mount}`);
	if (!answer.ok) return answer;
	const { status } = answer.value;
	const accessor = dataOf(answer.value)?.['accessor'];
	if (status === 200 && typeof accessor === 'string') return ok(accessor);
	const { ending, message } = refused(answer.value, `asking for the accessor of the auth method "${mount}"`);
	return err({
		ending,
		message: status === 400 ? `${message}: there is no auth method at that mount` : message,
	});
}
