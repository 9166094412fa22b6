import { EXIT_CODES, type ExitReason } from '../../contract/exit-codes.ts';

/**
 * What `kubectl` shows for each failure. test/cluster/node checks it with a real node, and
 * test/docs/troubleshooting.test.ts with the page. `{name}` stands for a variable part.
 */

/** How one fetch fails. */
interface Failed {
	readonly reason: ExitReason;
	readonly says: string;
	readonly cure?: string;
}

/**
 * Failed fetches by their misconfiguration. `says` is in `kubectl describe pod` under `envtier-fetch`,
 * followed by `cure`, or by the general advice of the exit code.
 */
export const FAILED_FETCHES = {
	'the role does not exist': {
		reason: 'login-refused',
		says: 'login-refused: role "{role}" of auth mount "kubernetes" does not exist (Vault: 400 invalid role name "{role}")',
		cure: 'create it with deploy/vault/setup.sh role {role} --namespace {namespace} --account {account} --org acme --deployment {deployment} --service {service}, or name another role in the annotation envtier.dev/role',
	},
	'the role is bound to another service account': {
		reason: 'login-refused',
		says: 'login-refused: role "{role}" of auth mount "kubernetes" is not bound to service account "{namespace}/{account}" (Vault: 403 service account name not authorized)',
		cure: 'add it to the role’s bound service accounts and namespaces, or name another role in the annotation envtier.dev/role',
	},
	'the role is bound to another namespace': {
		reason: 'login-refused',
		says: 'login-refused: role "{role}" of auth mount "kubernetes" is not bound to service account "{namespace}/{account}" (Vault: 403 namespace not authorized)',
		cure: 'add it to the role’s bound service accounts and namespaces, or name another role in the annotation envtier.dev/role',
	},
	'the role wants another audience': {
		reason: 'login-refused',
		says: 'login-refused: role "{role}" of auth mount "kubernetes" does not accept the audience "{audience}" of the pod’s token (Vault: 403 invalid audience (aud) claim: audience claim does not match any expected audience)',
		cure: 'make the role’s audience and the webhook’s ENVTIER_TOKEN_AUDIENCE agree',
	},
	'the policy leaves a tier out': {
		reason: 'read-refused',
		says: 'read-refused: Vault refuses to list the service tier of "{service}" at "secret/metadata/deployments/{deployment}/services/{service}/secrets": is envtier.dev/service right?',
		cure: 'if so, a policy of the role "{role}" needs: path "secret/metadata/deployments/{deployment}/services/{service}/secrets/" { capabilities = ["list"] } path "secret/data/deployments/{deployment}/services/{service}/secrets/+" { capabilities = ["read"] }',
	},
	'the pod asks for the deployment of another': {
		reason: 'read-refused',
		says: 'read-refused: Vault refuses to list the deployment tier of "{other}" at "secret/metadata/deployments/{other}/secrets" and the service tier of "{service}" at "secret/metadata/deployments/{other}/services/{service}/secrets": are envtier.dev/deployment and envtier.dev/service right?',
		cure: 'if so, a policy of the role "{role}" needs: path "secret/metadata/deployments/{other}/secrets/" { capabilities = ["list"] } path "secret/data/deployments/{other}/secrets/+" { capabilities = ["read"] } path "secret/metadata/deployments/{other}/services/{service}/secrets/" { capabilities = ["list"] } path "secret/data/deployments/{other}/services/{service}/secrets/+" { capabilities = ["read"] }',
	},
	'a pod of another service account asks for the service': {
		reason: 'read-refused',
		says: 'read-refused: Vault refuses to list the service tier of "{service}" at "secret/metadata/deployments/{deployment}/services/{service}/secrets": is envtier.dev/service right?',
		cure: 'if so, a policy of the role "{role}" needs: path "secret/metadata/deployments/{deployment}/services/{service}/secrets/" { capabilities = ["list"] } path "secret/data/deployments/{deployment}/services/{service}/secrets/+" { capabilities = ["read"] }',
	},
	'a required key is missing': {
		reason: 'required-missing',
		says: 'required-missing: none of the tiers read (org, deployment, service) has SESSION_KEY (asked for by envtier.dev/require)',
	},
	'Vault stays sealed': {
		reason: 'sealed',
		says: 'sealed: Vault at https://vault.vault.svc:8200 is sealed or not initialized; given up after {seconds} s (ENVTIER_DEADLINE)',
	},
	'the secrets together fill the volume': {
		reason: 'write-failed',
		says: 'write-failed: /secrets is full: {bytes} bytes are to be written, beside those of an earlier run; see ENVTIER_VOLUME_SIZE (ENOSPC)',
	},
	'one secret is larger than the volume': {
		reason: 'write-failed',
		says: 'write-failed: /secrets is full: {bytes} bytes are to be written, beside those of an earlier run; see ENVTIER_VOLUME_SIZE (ENOSPC)',
	},
} as const satisfies Readonly<Record<string, Failed>>;

/** All that such a failure says: what happened, and what to do. */
export function wordsOf(failure: FailedFetch): string {
	const { reason, says, cure = EXIT_CODES[reason].cure }: Failed = FAILED_FETCHES[failure];
	return `${says}${says.endsWith('?') ? '' : '.'} What to do: ${cure}`;
}

/** The name of such a failure. */
export type FailedFetch = keyof typeof FAILED_FETCHES;

/** Whatever made a fetch fail, the events of its pod say no more than this. */
export const FETCH_EVENT =
	'Back-off restarting failed container envtier-fetch in pod {pod}_{namespace}({uid})';

/** Everything else that the page shows, by the heading of its section. */
export const SYMPTOMS = {
	'Vault is away for a while': {
		section: 'The pod waits in `Init:0/1`',
		shown: [
			'Vault at https://vault.vault.svc:8200: nothing listens there (connection refused) (ECONNREFUSED); trying again',
		],
	},
	'no replica of the webhook runs': {
		section: 'The webhook does not answer',
		shown: [
			'Error from server (InternalError): Internal error occurred: failed calling webhook "inject.envtier.dev": failed to call webhook: Post "https://envtier-webhook.envtier-system.svc:443/mutate?timeout=5s": dial tcp {address}: connect: connection refused',
			'Error creating: Internal error occurred: failed calling webhook "inject.envtier.dev": failed to call webhook: Post "https://envtier-webhook.envtier-system.svc:443/mutate?timeout=5s": dial tcp {address}: connect: connection refused',
		],
	},
	'the webhook configuration trusts another CA than the certificate’s': {
		section: 'The webhook does not answer',
		shown: ['tls: failed to verify certificate: x509: certificate signed by unknown authority'],
	},
	'the certificate ends while it is served': {
		section: 'The certificate has expired',
		shown: ['Readiness probe failed: HTTP probe failed with statuscode: 503'],
	},
	'a replica starts with a certificate that has ended': {
		section: 'The certificate has expired',
		shown: [
			'envtier-webhook: no certificate to serve with: the certificate was valid until {time}, which has passed: renew it (node deploy/certs/main.ts, or whatever wrote the Secret)',
			'Back-off restarting failed container webhook in pod {pod}_envtier-system({uid})',
		],
	},
	'there is no certificate yet': {
		section: 'The webhook’s own pods stay in `ContainerCreating`',
		shown: ['MountVolume.SetUp failed for volume "tls" : secret "envtier-webhook-tls" not found'],
	},
} as const;

/** What a text says, once what differs is filled in; what is not given may be anything. */
export function patternOf(text: string, names: Readonly<Record<string, string>> = {}): RegExp {
	const escaped = (part: string): string => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
	const parts = text.split(/\{([a-z]+)\}/);
	return new RegExp(
		parts
			.map((part, i) => (i % 2 === 0 ? escaped(part) : part in names ? escaped(names[part] ?? '') : '\\S+'))
			.join(''),
	);
}
