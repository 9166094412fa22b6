import { openCertificateFiles } from '../../../lib/tls/certificate-files.ts';
import type { Rejection } from '../../../webhook/admission/rejection.ts';
import type { AdmissionRequest } from '../../../webhook/admission/review.ts';
import { createMetrics } from '../../../webhook/metrics.ts';
import { type AppParts, createApp } from '../../../webhook/server/app.ts';
import { serve } from '../../../webhook/server/https.ts';
import type { InjectionSettings } from '../../../webhook/settings.ts';
import { type Authority, makeAuthority } from '../../support/tls.ts';
import { type KubeletVolume, kubeletVolume } from './kubelet-volume.ts';
import { collectLogs, type Logs } from './logs.ts';
import { settings } from './settings.ts';

/** The webhook, served in this process over real TLS, its certificate looked at often. */
export interface TestServer extends AsyncDisposable {
	readonly port: number;
	readonly authority: Authority;
	readonly files: KubeletVolume;
	readonly logs: Logs;
	/** What it has refused. */
	readonly refusals: readonly { readonly request: AdmissionRequest; readonly rejection: Rejection }[];
	/** What decisions rest on from now on. */
	use(settings: InjectionSettings): void;
	/** What a call about an unknown namespace waits for from now on. */
	whenSeen(wait: (namespace: string, signal: AbortSignal) => Promise<void>): void;
	/** Why it is not ready from now on; undefined: it is. */
	notReady(reason: string | undefined): void;
	stop(grace: number, linger?: number): Promise<void>;
}

/** Milliseconds between looks at the certificate's files. */
const LOOK = 20;

/** Starts it on a free port of the loopback address. */
export async function startServer(
	limits: Parameters<typeof serve>[3] = {},
	parts: Pick<AppParts, 'callers' | 'maxReading' | 'maxWaiting' | 'maxUnsent'> = {},
): Promise<TestServer> {
	const authority = await makeAuthority();
	const files = await kubeletVolume(await authority.issue());
	const logs = collectLogs();
	const opened = openCertificateFiles(
		{ certificateFile: files.certificateFile, keyFile: files.keyFile, interval: LOOK },
		logs.log,
	);
	if (!opened.ok) throw new Error(opened.error);
	const certificates = opened.value;
	let current = settings().injection;
	const refusals: { request: AdmissionRequest; rejection: Rejection }[] = [];
	let namespaceSeen: AppParts['namespaceKnown'] = () => Promise.resolve();
	let reason: string | undefined;
	const notReady = (): string | undefined => reason;
	const metrics = createMetrics({
		namespacesAge: undefined,
		version: 'test',
		certificateEnds: () => certificates.current().notAfter,
		notReady,
	});
	const app = createApp({
		settings: () => current,
		namespaceKnown: (namespace, signal) => namespaceSeen(namespace, signal),
		onDecision: (request, decision) => {
			if (decision.kind === 'reject') refusals.push({ request, rejection: decision });
		},
		log: logs.log,
		metrics,
		notReady,
		...parts,
	});
	const served = await serve(
		app,
		certificates,
		{ host: '127.0.0.1', port: 0, callers: parts.callers },
		limits,
	);
	if (!served.ok) throw new Error(served.error);
	const running = served.value;
	const stop = async (grace: number, linger?: number): Promise<void> => {
		certificates.close();
		await running.stop(grace, linger);
		await files[Symbol.asyncDispose]();
	};
	return {
		port: running.address.port,
		authority,
		files,
		logs,
		refusals,
		use: (next) => {
			current = next;
		},
		whenSeen: (wait) => {
			namespaceSeen = wait;
		},
		notReady: (next) => {
			reason = next;
		},
		stop,
		[Symbol.asyncDispose]: () => stop(0),
	};
}
