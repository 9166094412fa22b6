import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from '../../../webhook/app.ts';
import { openCertificateFiles } from '../../../webhook/certificates/files.ts';
import type { CertificateSource } from '../../../webhook/certificates/source.ts';
import { serve } from '../../../webhook/server.ts';
import type { InjectionSettings } from '../../../webhook/settings.ts';
import { type Authority, type KeyPair, makeAuthority } from '../../support/tls.ts';
import { collectLogs, type Logs } from './logs.ts';
import { settings } from './settings.ts';

/** The webhook, served in this process over real TLS, its certificate looked at often. */
export interface TestServer extends AsyncDisposable {
	readonly port: number;
	readonly authority: Authority;
	readonly pair: KeyPair;
	readonly certificateFile: string;
	readonly keyFile: string;
	readonly certificates: CertificateSource;
	readonly logs: Logs;
	/** What decisions rest on from now on. */
	use(settings: InjectionSettings): void;
	/** Why it is not ready from now on; undefined: it is. */
	notReady(reason: string | undefined): void;
	stop(grace: number): Promise<void>;
}

/** Milliseconds between looks at the certificate's files. */
const LOOK = 20;

/** Puts a certificate and its key into a new folder. */
export async function writePair(
	pair: KeyPair,
): Promise<{ dir: string; certificateFile: string; keyFile: string }> {
	const dir = await mkdtemp(join(tmpdir(), 'envtier-tls-'));
	const [certificateFile, keyFile] = [join(dir, 'tls.crt'), join(dir, 'tls.key')];
	await writeFile(certificateFile, pair.certPem);
	await writeFile(keyFile, pair.keyPem, { mode: 0o600 });
	return { dir, certificateFile, keyFile };
}

/** Starts it on a free port of the loopback address. */
export async function startServer(limits: Parameters<typeof serve>[3] = {}): Promise<TestServer> {
	const authority = await makeAuthority();
	const pair = await authority.issue();
	const { dir, ...files } = await writePair(pair);
	const logs = collectLogs();
	const opened = openCertificateFiles({ ...files, interval: LOOK }, logs.log);
	if (!opened.ok) throw new Error(opened.error);
	const certificates = opened.value;
	let current = settings().injection;
	let reason: string | undefined;
	const app = createApp({ settings: () => current, log: logs.log, notReady: () => reason });
	const running = await serve(app, certificates, { host: '127.0.0.1', port: 0 }, limits);
	const stop = async (grace: number): Promise<void> => {
		certificates.close();
		await running.stop(grace);
		await rm(dir, { recursive: true, force: true });
	};
	return {
		port: running.address.port,
		authority,
		pair,
		...files,
		certificates,
		logs,
		use: (next) => {
			current = next;
		},
		notReady: (next) => {
			reason = next;
		},
		stop,
		[Symbol.asyncDispose]: () => stop(0),
	};
}
