import type { Logger } from 'pino';
import { err, ok, type Result } from '../../contract/result.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import { openCertificateFiles } from '../../lib/tls/certificate-files.ts';
import type { CertificateSource } from '../../lib/tls/certificate-source.ts';
import type { CertificateSettings } from './settings.ts';

/** Opens the certificate source of the settings. The error says why there is no certificate. */
export async function openCertificates(
	settings: CertificateSettings,
	kubernetes: KubernetesClient | undefined,
	log: Logger,
): Promise<Result<CertificateSource>> {
	if (settings.kind === 'files') return openCertificateFiles(settings, log);
	if (kubernetes === undefined) return err('there is no API server to keep it with');
	// The code that creates certificates has some megabytes, which a webhook with files does not need.
	const { openSelfManaged } = await import('./self-managed/source.ts');
	return ok(await openSelfManaged(kubernetes, settings, log));
}
