import process from 'node:process';
import { openKubernetes } from '../lib/kubernetes/client.ts';
import manifest from '../package.json' with { type: 'json' };
import { featuresOf } from './admission/cluster-features.ts';
import type { OrgLabelMode } from './admission/org-label.ts';
import { isAmbiguousRole } from './admission/role-template.ts';
import { openCertificates } from './certificates/open.ts';
import { warnBeforeExpiry } from './certificates/warning.ts';
import { eventCauseOf } from './events/event.ts';
import { eventReporter } from './events/reporter.ts';
import { askVersion, followVersion } from './kubernetes/cluster-version.ts';
import { followNamespaces, type Namespaces } from './kubernetes/namespaces.ts';
import { openLog } from './log.ts';
import { createMetrics } from './metrics.ts';
import { createApp } from './server/app.ts';
import { handshakeLog } from './server/handshakes.ts';
import { serve } from './server/https.ts';
import { readSettings } from './settings.ts';

/**
 * Milliseconds for calls in flight. Together with LINGER and 5 s of preStop it must be less than 30 s, when
 * Kubernetes kills.
 */
const GRACE = 15_000;
/** Milliseconds in which kept-alive connections get a last response instead of being closed in the middle. */
const LINGER = 5_000;
/** Milliseconds that a call waits for a new namespace; the API server gives it 5 s. */
const NAMESPACE_WAIT = 1_000;
/** Maximum age of labels that are enforced, in milliseconds. */
const OUTDATED = 600_000;

function fail(message: string): never {
	process.stderr.write(`envtier-webhook: ${message}\n`);
	process.exit(1);
}

/** Outside a cluster no namespace has a label: `enforce` is an error there. */
function followNamespaceLabels(mode: OrgLabelMode): Namespaces | undefined {
	if (mode === 'ignore') return undefined;
	if (kubernetes !== undefined)
		return followNamespaces(kubernetes, { most: mode === 'enforce' ? OUTDATED : undefined }, log);
	if (mode === 'enforce')
		fail('ENVTIER_ORG_LABEL is "enforce", but there is no API server to read the labels from');
	return undefined;
}

const settings = readSettings(process.env);
if (!settings.ok) fail(`the settings are wrong:\n${settings.error}`);
const {
	certificates,
	logLevel,
	logFormat,
	events,
	cluster,
	injection: initial,
	versionDecides,
	...at
} = settings.value;
const log = openLog({ level: logLevel, format: logFormat, out: process.stdout });
if (isAmbiguousRole(initial.defaultRole))
	log.warn(
		{ template: initial.defaultRole },
		'ENVTIER_DEFAULT_ROLE is ambiguous: two service accounts can get the same role. Put "_" between {namespace} and {serviceAccount}',
	);
const opened = cluster === undefined ? undefined : await openKubernetes(cluster);
if (opened?.ok === false) fail(`no API server to talk to: ${opened.error}`);
const kubernetes = opened?.value;
const openedCertificates = await openCertificates(certificates, kubernetes, log);
if (!openedCertificates.ok) fail(`no certificate to serve with: ${openedCertificates.error}`);
const source = openedCertificates.value;
const stopWarning = warnBeforeExpiry(source, log);
let injection = initial;
const stopFollowing =
	versionDecides !== undefined && kubernetes !== undefined
		? followVersion(
				() => askVersion(kubernetes),
				(version) => {
					injection = { ...initial, ...featuresOf(versionDecides, version) };
				},
				log,
			)
		: () => undefined;
const namespaces = followNamespaceLabels(injection.orgLabelMode);
let draining = false;
const notReady = (): string | undefined => {
	if (draining) return 'shutting down';
	return source.problem(new Date()) ?? namespaces?.notReady();
};
const metrics = createMetrics({
	version: manifest.version,
	certificateEnds: () => source.current().notAfter,
	notReady,
	namespacesAge: namespaces && (() => namespaces.age() / 1000),
});
const reporter =
	events && kubernetes !== undefined
		? eventReporter(kubernetes, { log, onResult: metrics.recordEvent })
		: undefined;
const app = createApp({
	onDecision: (request, decision, address) => {
		const cause = eventCauseOf(decision);
		const caller = at.callers === undefined ? address : undefined;
		if (cause !== undefined) reporter?.report({ ...request, caller }, cause);
	},
	settings: (namespace) => ({
		...injection,
		orgLabel: namespaces?.orgLabel(namespace) ?? injection.orgLabel,
	}),
	namespaceKnown: async (namespace, signal) => await namespaces?.seen(namespace, NAMESPACE_WAIT, signal),
	log,
	metrics,
	notReady,
	callers: at.callers,
});
const onHandshakeError = handshakeLog(source, certificates.kind, log);
const served = await serve(app, source, { ...at, onHandshakeError });
if (!served.ok) fail(served.error);
const running = served.value;
log.info({ address: running.address.address, port: running.address.port }, 'serving');

async function end(signal: string): Promise<void> {
	if (draining) return;
	draining = true;
	log.info({ signal }, 'shutting down');
	stopWarning();
	source.close();
	stopFollowing();
	await running.stop(GRACE, LINGER);
	namespaces?.close();
	await reporter?.close();
	log.info('ended');
}
process.once('SIGTERM', (signal) => void end(signal));
process.once('SIGINT', (signal) => void end(signal));
