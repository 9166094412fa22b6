import { type Context, fail } from '../context.ts';
import { type ApiCall, type ApiFailure, apiClient } from './client.ts';
import { type ApiSettings, readApiSettings } from './settings.ts';

/** Dependencies of a command that uses the API. */
export interface Session {
	readonly call: ApiCall;
	readonly settings: ApiSettings;
	readonly context: Context;
}

/**
 * Opens the API that the environment names and passes it to `work`. Reports an error if the environment names
 * none.
 */
export async function withApi(context: Context, work: (session: Session) => Promise<void>): Promise<void> {
	const settings = await readApiSettings(context.env, context.stdin);
	if (!settings.ok) return fail(context, 'usage', settings.error);
	const { stderr } = context;
	const waiting = (seconds: number): void =>
		stderr.write(`${stderr.paint('faint', 'note:')} the API limits calls: waiting ${seconds} s\n`);
	await work({ call: apiClient(settings.value, waiting), settings: settings.value, context });
}

/** Reports the failure of a call, and sets the exit status. */
export function failed(context: Context, { ending, message }: ApiFailure): void {
	fail(context, ending, message);
}
