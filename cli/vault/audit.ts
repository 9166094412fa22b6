import { err, ok, type Result } from '../../contract/result.ts';
import type { VaultResponse } from '../../lib/vault/types.ts';
import { type Context, fail } from '../context.ts';
import { json } from '../output.ts';
import { type AdminClient, type ApplyFailure, openAdminClient, readData, refused } from './client.ts';
import { readAdminSettings } from './settings.ts';

/** Options of `envtier vault setup-audit`. */
export interface AuditOptions {
	/** An absolute path on the server, or `stdout`. */
	readonly file: string;
	readonly apply?: boolean | undefined;
	readonly output: 'commands' | 'json';
}

/** The name of the device. */
const DEVICE = 'envtier';
const FILE = /^(?:stdout|\/[-A-Za-z0-9_./]+)$/;

/** The device as OpenBao's configuration has it. */
const stanzaOf = (file: string): string =>
	`audit "file" "${DEVICE}" {\n  options = {\n    file_path = "${file}"\n  }\n}\n`;

const CONFIGURATION_ALONE =
	'this server takes audit devices from its configuration alone: add the lines above on each server, then send it SIGHUP or restart it';

/** `envtier vault setup-audit`: the audit device, the same as deploy/vault/setup.sh. */
export async function setupAudit(options: AuditOptions, context: Context): Promise<void> {
	const { file, output } = options;
	if (!FILE.test(file)) return fail(context, 'usage', '--file must be an absolute path, or stdout');
	const { stdout } = context;
	if (!options.apply) {
		const command = `vault audit enable -path=${DEVICE} file file_path=${file}`;
		const text = `${command}\n\n# OpenBao: in the configuration of each server, then SIGHUP or a restart\n${stanzaOf(file)}`;
		return stdout.write(output === 'json' ? json({ command, configuration: stanzaOf(file) }) : text);
	}
	const settings = await readAdminSettings(context.env, context.stdin, '--apply');
	if (!settings.ok) return fail(context, 'usage', settings.error);
	// Audit devices are of the whole server.
	const done = await enable(openAdminClient({ ...settings.value, namespace: undefined }), file);
	if (!done.ok) return fail(context, done.error.ending, done.error.message);
	if (done.value !== 'configuration') return stdout.write(`audit device ${DEVICE}: ${done.value}\n`);
	stdout.write(stanzaOf(file));
	fail(context, 'failed', CONFIGURATION_ALONE);
}

/** Enables the device. `configuration`: the server takes devices from its configuration alone. */
async function enable(
	client: AdminClient,
	file: string,
): Promise<Result<'there already' | 'created' | 'configuration', ApplyFailure>> {
	const devices = await readData(client, 'sys/audit');
	if (!devices.ok) return devices;
	const there = devices.value?.[`${DEVICE}/`] as { options?: { file_path?: unknown } } | undefined;
	if (there?.options?.file_path === file) return ok('there already');
	const path = `sys/audit/${DEVICE}`;
	const answer = await client.write(path, { type: 'file', options: { file_path: file } });
	if (!answer.ok) return answer;
	if (answer.value.status < 300) return ok('created');
	return namesConfiguration(answer.value)
		? ok('configuration')
		: err(refused(answer.value, `writing ${path}`));
}

function namesConfiguration({ status, json: body }: VaultResponse): boolean {
	return status !== 403 && /declarative/i.test(JSON.stringify(body ?? ''));
}
