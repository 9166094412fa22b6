import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import process from 'node:process';
import pino from 'pino';
import { ok } from '../contract/result.ts';
import { jsonLines } from '../lib/audit/lines.ts';
import { openCertificateFiles } from '../lib/tls/certificate-files.ts';
import manifest from '../package.json' with { type: 'json' };
import { openAuditFile, openStrictAudit, type Write } from './audit/file.ts';
import { type AuditTask, runAuditTask } from './audit/store/task.ts';
import type { KeyRecord } from './auth/api-key.ts';
import { newKey } from './auth/api-key.ts';
import { SCOPES } from './auth/caller.ts';
import { parseCommandLine, parseKeyFile } from './auth/key-file.ts';
import { serve } from './server/server.ts';
import { type FileSettings, parseConfigFile } from './settings/config-file.ts';
import { readSettings, type Settings } from './settings/settings.ts';
import { createApi } from './wiring.ts';

/** Time for calls in flight after SIGTERM, in ms. By default Kubernetes kills the process after 30 s. */
const GRACE = 20_000;
/** Fields that the log replaces. Envtier logs none of them, but an object of a library might have one. */
const REDACTED = ['token', 'authorization', 'value', 'password', 'jwt', 'body', 'headers'].flatMap((name) => [
	name,
	`*.${name}`,
]);

const WARNING = `
  !!  DEVELOPMENT ONLY: the memory store forgets every secret when this process ends,
  !!  keeps them unencrypted, and no pod can read them. Set ENVTIER_API_STORE=vault.
`;

function fail(message: string, code = 1): never {
	process.stderr.write(`envtier-api: ${message}\n`);
	process.exit(code);
}

const commandLine = parseCommandLine(process.argv.slice(2), new Date());
if (!commandLine.ok) fail(commandLine.error, 2);
if (commandLine.value.kind === 'help') process.stdout.write(commandLine.value.text);
else if (commandLine.value.kind === 'key') {
	process.stderr.write(`${commandLine.value.text}\n`);
	process.stdout.write(`${commandLine.value.entry}\n`);
} else {
	const settings = settingsOf(commandLine.value.config ?? process.env['ENVTIER_API_CONFIG']);
	if (commandLine.value.kind === 'audit') await maintain(commandLine.value.task, settings);
	else await run(settings);
}

function settingsOf(configFile: string | undefined): Settings {
	const result = readSettings(process.env, configFile ? fileSettings(configFile) : {});
	if (!result.ok) fail(`the settings are wrong:\n${result.error}`);
	return result.value;
}

async function maintain(task: AuditTask, settings: Settings): Promise<void> {
	try {
		process.stdout.write(`${await runAuditTask(task, settings, new Date())}\n`);
	} catch (thrown) {
		fail(`the audit store: ${thrown instanceof Error ? thrown.message : 'unknown'}`);
	}
}

async function run(settings: Settings): Promise<void> {
	const log = pino({
		level: settings.logLevel,
		name: 'envtier-api',
		redact: { paths: REDACTED, censor: '[redacted]' },
	});
	const keys = keysOf(settings);
	const certificate = settings.tls && openCertificateFiles(settings.tls, log);
	if (certificate?.ok === false) fail(`no certificate to serve with: ${certificate.error}`);
	const toOutput: Write = (line) => void process.stdout.write(line);
	const file =
		settings.auditFile === undefined ? ok(toOutput) : openAuditFile(settings.auditFile, toOutput, log);
	if (!file.ok) fail(`ENVTIER_API_AUDIT_FILE: ${file.error}`);
	const audit = settings.reveal === undefined ? jsonLines(file.value) : revealAudit(settings, file.value);
	const api = await createApi(settings, {
		host: hostname(),
		log,
		audit,
		keys,
		version: manifest.version,
		now: () => new Date(),
	}).catch((thrown: unknown) => fail(thrown instanceof Error ? thrown.message : 'unknown'));
	const auditIn = settings.auditStore.kind;
	const server = await serve(api.app, certificate?.value, settings);
	if (!server.ok) fail(server.error);
	const running = server.value;
	const { address, port } = running.address;
	log.info({ address, port, tls: certificate !== undefined, store: settings.store.kind, auditIn }, 'serving');
	if (settings.store.kind === 'none') log.warn('no store is configured: every call is answered 503');

	let ending = false;
	const end = async (signal: string): Promise<void> => {
		if (ending) return;
		ending = true;
		log.info({ signal }, 'shutting down');
		api.drain();
		await running.stop(GRACE);
		certificate?.value.close();
		await api.close();
		log.info('ended');
	};
	process.once('SIGTERM', (signal) => void end(signal));
	process.once('SIGINT', (signal) => void end(signal));
}

/**
 * The audit of the Reveal program. An intent line that cannot be written is an error, so that no value is
 * shown without it. Result lines come after the value, and are written as those of the API.
 */
function revealAudit({ auditFile }: Settings, write: Write): ReturnType<typeof jsonLines> {
	const [strictly, usually] = [jsonLines(openStrictAudit(auditFile)), jsonLines(write)];
	return (line) => (line.phase === 'intent' ? strictly : usually)(line);
}

function fileSettings(name: string): FileSettings {
	let text: string;
	try {
		text = readFileSync(name, 'utf8');
	} catch (thrown) {
		const code = thrown instanceof Error && 'code' in thrown ? thrown.code : 'unknown';
		fail(`the configuration file ${name} cannot be read (${code})`);
	}
	const settings = parseConfigFile(text, process.env);
	if (!settings.ok) fail(`the configuration file ${name} is wrong:\n${settings.error}`);
	return settings.value;
}

/**
 * The keys of the operator's file. With the memory store and no authentication, makes a key for development.
 */
function keysOf({ keysFile, oidc, cluster, store }: Settings): readonly KeyRecord[] {
	const unusable = oidc === undefined && cluster === undefined && keysFile === undefined;
	if (store.kind === 'memory') process.stderr.write(WARNING);
	if (keysFile === undefined) return unusable && store.kind === 'memory' ? [developmentKey()] : [];
	let text: string;
	try {
		text = readFileSync(keysFile, 'utf8');
	} catch (thrown) {
		fail(
			`the key file cannot be read (${thrown instanceof Error && 'code' in thrown ? thrown.code : 'unknown'})`,
		);
	}
	const keys = parseKeyFile(text);
	if (!keys.ok) fail(`the key file is wrong: ${keys.error}`);
	return keys.value;
}

function developmentKey(): KeyRecord {
	const { text, id, hash } = newKey();
	process.stderr.write(
		`  !!  A key for trying it out (organization "dev"), shown this once:\n  !!  ${text}\n\n`,
	);
	return {
		id,
		hash,
		subject: 'user:developer',
		org: 'dev',
		expiresAt: undefined,
		roles: ['org_owner'],
		scopes: SCOPES,
	};
}
