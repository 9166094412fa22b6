import { pathToFileURL } from 'node:url';
import pino from 'pino';
import { serve } from '../../../api/server/server.ts';
import { readSettings } from '../../../api/settings/settings.ts';
import { createApi, type ProcessContext } from '../../../api/wiring.ts';
import { jsonLines } from '../../../lib/audit/lines.ts';
import { openCertificateFiles } from '../../../lib/tls/certificate-files.ts';
import { vaultEnv } from '../../api/support/both.ts';
import { setUpReveal } from '../../api/support/reveal.ts';
import { bundleOf } from '../../support/bundles.ts';
import type { OpenBao } from '../../support/openbao.ts';

type Env = Readonly<Record<string, string>>;

/** What an administrator sets up in Vault: for the API alone, or beside a Reveal program. */
export async function vaultOf(
	bao: OpenBao,
	revealUrl: string | undefined,
): Promise<{ readonly vault: Env; readonly revealEnv: Env | undefined }> {
	if (revealUrl === undefined) return { vault: await vaultEnv(bao), revealEnv: undefined };
	const where = { ENVTIER_VAULT_ADDR: bao.addr, ENVTIER_VAULT_CA: bao.caPem };
	const { apiToken, revealEnv } = await setUpReveal(bao);
	return {
		vault: { ...where, ENVTIER_API_VAULT_TOKEN: apiToken, ENVTIER_API_REVEAL_URL: revealUrl },
		revealEnv: { ...where, ...revealEnv },
	};
}
/** What a program of a test is started with, besides its variables. */
export interface ProgramParts extends Pick<ProcessContext, 'host' | 'keys' | 'version' | 'now'> {
	/** Gets the log and the audit lines. */
	readonly write: (line: string) => void;
}

/** Serves the API or the Reveal program, over TLS, with its pages. */
export async function startProgram(env: Env, { write, ...parts }: ProgramParts): Promise<AsyncDisposable> {
	await using opened = new AsyncDisposableStack();
	const read = readSettings(env);
	if (!read.ok || read.value.tls === undefined) throw new Error(read.ok ? 'no TLS' : read.error);
	const log = pino({ level: 'debug' }, { write });
	const dashboardBeside = pathToFileURL(await bundleOf('api')).href;
	const api = await createApi(read.value, { ...parts, log, audit: jsonLines(write), dashboardBeside });
	opened.defer(() => api.close());
	const certificate = openCertificateFiles(read.value.tls, log);
	if (!certificate.ok) throw new Error(certificate.error);
	opened.defer(() => certificate.value.close());
	const served = await serve(api.app, certificate.value, read.value);
	if (!served.ok) throw new Error(served.error);
	opened.defer(() => served.value.stop(1_000));
	return opened.move();
}
