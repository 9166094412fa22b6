import { parseName } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { duration, oneOf } from '../../contract/values.ts';
import { VARIABLES, type VariableName } from '../../contract/variables.ts';
import { anyText } from '../../lib/settings/parsers.ts';
import type { SettingsReader } from '../../lib/settings/reader.ts';
import { parseCertificateName } from '../../pki/names.ts';
import type { SelfManaged } from './self-managed/source.ts';

/** Where the serving certificate comes from. */
export type CertificateSettings =
	| { readonly kind: 'files'; readonly certificateFile: string; readonly keyFile: string }
	| ({ readonly kind: 'self' } & SelfManaged);

/** `namespace/name`. */
function objectName(text: string): Result<{ namespace: string; name: string }> {
	const [namespace = '', name = '', ...rest] = text.split('/');
	const good = rest.length === 0 && parseName(namespace).ok && parseName(name).ok;
	return good ? ok({ namespace, name }) : err('namespace/name of a Secret');
}

function certificateNames(text: string): Result<readonly string[]> {
	const names = text.split(',').map((name) => parseCertificateName(name.trim()));
	const good = names.flatMap((name) => (name.ok ? [name.value] : []));
	return good.length === names.length ? ok(good) : err('DNS names or IP addresses, comma-separated');
}

/**
 * Reads the settings of the serving certificate.
 *
 * @param inCluster whether there is an API server to keep it with
 */
export function readCertificates(
	{ optional, required, problems }: SettingsReader<VariableName>,
	inCluster: boolean,
): CertificateSettings {
	const self = required('ENVTIER_CERTIFICATES', oneOf('files', 'self')) === 'self';
	const files = {
		certificateFile: optional('ENVTIER_TLS_CERT_FILE', anyText) ?? '',
		keyFile: optional('ENVTIER_TLS_KEY_FILE', anyText) ?? '',
	};
	const needed = {
		ENVTIER_TLS_CERT_FILE: files.certificateFile,
		ENVTIER_TLS_KEY_FILE: files.keyFile,
	} as const;
	for (const name of ['ENVTIER_TLS_CERT_FILE', 'ENVTIER_TLS_KEY_FILE'] as const)
		if (!self && needed[name] === '') problems.push(`${name} is not set: ${VARIABLES[name].meaning}`);
	const selfManaged: SelfManaged = {
		secret: required('ENVTIER_CERTIFICATES_SECRET', objectName),
		webhookConfiguration: required('ENVTIER_CERTIFICATES_WEBHOOK_CONFIGURATION', parseName),
		names: required('ENVTIER_CERTIFICATES_NAMES', certificateNames),
		leafLife: required('ENVTIER_CERTIFICATES_LIFE', duration(5_000)),
		caLife: required('ENVTIER_CERTIFICATES_CA_LIFE', duration(10_000)),
		settle: required('ENVTIER_CERTIFICATES_SETTLE', duration(0)),
	};
	if (selfManaged.caLife < 2 * selfManaged.leafLife)
		problems.push('ENVTIER_CERTIFICATES_CA_LIFE must be at least twice ENVTIER_CERTIFICATES_LIFE');
	if (self && !inCluster)
		problems.push(
			'ENVTIER_CERTIFICATES must be "files" outside a cluster, unless ENVTIER_KUBECONFIG names one',
		);
	return self ? { kind: 'self', ...selfManaged } : { kind: 'files', ...files };
}
