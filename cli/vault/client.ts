import { err, ok, type Result } from '../../contract/result.ts';
import { oneLineMessage } from '../../lib/terminal.ts';
import { openVaultClient, type VaultOutcome } from '../../lib/vault/client.ts';
import type { VaultResponse } from '../../lib/vault/types.ts';
import type { ExitStatus } from '../exit-codes.ts';
import type { AdminSettings } from './settings.ts';

/** Why Vault was not changed as planned. */
export interface ApplyFailure {
	readonly ending: ExitStatus;
	readonly message: string;
}

/** The response of a request, whatever its status. */
type AdminOutcome = Result<VaultResponse, ApplyFailure>;

/** A Vault client that sends the administrator's token. Paths come without `/v1/`. */
export interface AdminClient {
	read(path: string): Promise<AdminOutcome>;
	list(path: string): Promise<AdminOutcome>;
	write(path: string, body: object): Promise<AdminOutcome>;
}

/** Timeout of one request of the command line to Vault, in ms. */
export const VAULT_TIMEOUT = 15_000;

/** Opens a client for the Vault that the settings name. */
export function openAdminClient({ address, token, ca, namespace }: AdminSettings): AdminClient {
	const client = openVaultClient({ address, ca, namespace, tlsName: undefined, timeout: VAULT_TIMEOUT });
	const outcomeOf = async (sent: Promise<VaultOutcome>): Promise<AdminOutcome> => {
		const outcome = await sent;
		if (outcome.ok) return outcome;
		return err({ ending: 'unavailable', message: `${address} ${outcome.error.message}` });
	};
	return {
		read: (path) => outcomeOf(client.read(path, token)),
		list: (path) => outcomeOf(client.list(path, token)),
		write: (path, body) => outcomeOf(client.write(path, body, token)),
	};
}

/** The field `data` of a response; undefined when there is none. */
export function dataOf({ json }: VaultResponse): Readonly<Record<string, unknown>> | undefined {
	return (json as { data?: Readonly<Record<string, unknown>> } | undefined)?.data;
}

/** The data at a path; undefined when there is none. */
export async function readData(
	client: AdminClient,
	path: string,
): Promise<Result<Readonly<Record<string, unknown>> | undefined, ApplyFailure>> {
	const answer = await client.read(path);
	if (!answer.ok) return answer;
	const { status, json } = answer.value;
	// A 404 with an error message means that nothing is mounted there.
	if (status === 404 && errorsOf(json).length === 0) return ok(undefined);
	return status === 200 ? ok(dataOf(answer.value)) : err(refused(answer.value, `reading ${path}`));
}

function errorsOf(json: unknown): readonly string[] {
	const errors = (json as { errors?: unknown } | undefined)?.errors;
	return Array.isArray(errors) ? errors.filter((one) => typeof one === 'string') : [];
}

/** The status and errors of a response, as one line. */
export function statusLine({ status, json }: VaultResponse): string {
	const errors = errorsOf(json).join('; ').trim();
	return `Vault answers ${status}${errors === '' ? '' : ` ${oneLineMessage(errors)}`}`;
}

/** The exit status after an unsuccessful response. */
export const endingOf = ({ status }: VaultResponse): ExitStatus =>
	status === 403 ? 'denied' : status >= 500 ? 'unavailable' : 'failed';

/** The failure for an unsuccessful response. */
export function refused(response: VaultResponse, what: string): ApplyFailure {
	const mount = errorsOf(response.json).some((message) =>
		/no handler for route|unsupported path/.test(message),
	)
		? ': there is no auth method at that mount'
		: '';
	return { ending: endingOf(response), message: `${what}: ${statusLine(response)}${mount}` };
}

/**
 * Reads the accessor of an auth method from Vault. Policies use it to identify the login.
 *
 * @param mount path of the method, without `auth/`
 */
export async function accessorOf(mount: string, client: AdminClient): Promise<Result<string, ApplyFailure>> {
	const answer = await client.read(`sys/auth/${mount}`);
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
