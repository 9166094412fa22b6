import { applied, described, fetchIn, logged } from './support/parts.ts';
import type { Shown } from './support/row.ts';

/** A report about a comparable tool, and what happens here. */
export type Report = Shown & {
	/** Repository and number of a public thread. */
	readonly source: string;
	/** What was reported. */
	readonly report: string;
	/** What happens here. */
	readonly here: string;
};

const END_TO_END = 'test/fetcher/end-to-end.test.ts';
const NODE = 'test/cluster/node';

/** From where users of comparable tools complain. */
export const REPORTS: readonly Report[] = [
	{
		source: 'bank-vaults/bank-vaults#1346',
		report:
			'after an upgrade of Kubernetes every login ends in status 500, `claim "iss" is invalid`, again and again',
		here: 'ends at once, naming the auth mount’s issuer and the setting',
		shownBy: { file: 'test/fetcher/faults/responses.ts', test: '500 that says that the issuer is another' },
		sentence: 'auth mount "…" expects another issuer than the token’s',
	},
	{
		source: 'external-secrets/external-secrets#508',
		report: 'the same from a mount that is configured with an issuer',
		here: 'shown on both auth methods of a real OpenBao',
		shownBy: { file: END_TO_END, test: 'an auth mount that expects another issuer, of both methods' },
		sentence: 'auth mount "…" expects another issuer than the token’s',
	},
	{
		source: 'hashicorp/vault-k8s#123',
		report: '`no secret exists` for a path that was written with and without `data/`',
		here: 'paths are never written by people; an empty deployment is warned of, with its name in question',
		see: (parts) => logged(parts, { env: { ENVTIER_VAULT_ROLE: 'wide', ENVTIER_DEPLOYMENT: 'dev' } }),
		sentence: /the deployment tier of "dev" .* empty: .*envtier.dev\/deployment.* right\?/,
	},
	{
		source: 'external-secrets/kubernetes-external-secrets#439',
		report: '`Invalid path for a versioned K/V secrets engine` whichever version is set',
		here: 'says which version the mount has, and the setting',
		see: (parts) => described(parts, { env: { ENVTIER_VAULT_KV_VERSION: '1', ENVTIER_VAULT_ROLE: 'wide' } }),
		sentence: /"secret\/" is KV version 2, but ENVTIER_VAULT_KV_VERSION is 1/,
	},
	{
		source: 'external-secrets/external-secrets#1333',
		report: '`could not get secret data from provider` because `data` stood in the mount’s path',
		here: 'names the mount that is there',
		see: (parts) => described(parts, { env: { ENVTIER_VAULT_KV_MOUNT: 'secret/data' } }),
		sentence: /ENVTIER_VAULT_KV_MOUNT is "secret\/data", but the KV mount there is "secret"/,
	},
	{
		source: 'external-secrets/external-secrets#3518',
		report: 'finding all secrets of a folder works with KV version 2 alone',
		here: 'both versions are listed and read',
		shownBy: { file: END_TO_END, test: 'KV version 1' },
		sentence: 'everything is written',
	},
	{
		source: 'hashicorp/vault-k8s#117',
		report: 'files are created and have no data in them',
		here: 'nothing is written unless everything was read, and a warning says that there is nothing',
		see: async (parts) => {
			const env = { ENVTIER_VAULT_ROLE: 'wide', ENVTIER_DEPLOYMENT: 'none', ENVTIER_ORG: 'none' };
			const { code, log } = await fetchIn(parts, { env });
			return `${code}: ${log.map(({ msg }) => msg).join('; ')}`;
		},
		sentence: /^0: .*are empty: .*; none of the tiers holds a secret; secrets written$/,
	},
	{
		source: 'hashicorp/vault-csi-provider#112',
		report: '`failed to login: 403` with nothing that says why',
		here: 'names what Vault says, or what it can be',
		see: (parts) => described(parts, { env: { ENVTIER_VAULT_ROLE: 'other' } }),
		sentence: /role "other" of auth mount "jwt" is not bound to service account "shop\/web"/,
	},
	{
		source: 'kubernetes-sigs/secrets-store-csi-driver#728',
		report: 'the pod waits in ContainerCreating, `permission denied`',
		here: 'the container ends with an exit code of its own and prints the policy lines that are missing',
		see: (parts) => described(parts, { env: { ENVTIER_VAULT_ROLE: 'stranger' } }),
		sentence:
			/^read-refused: .*a policy of the role "stranger" needs: path "secret\/metadata\/deployments\/shop/,
	},
	{
		source: 'hashicorp/vault-secrets-operator#577',
		report: '`permission denied` until the Vault namespace was given in three places',
		here: 'one setting, in which login and secrets are',
		shownBy: { file: END_TO_END, test: 'a Vault namespace' },
		sentence: 'everything is written',
	},
	{
		source: 'external-secrets/external-secrets#3389',
		report: '`x509: certificate signed by unknown authority` without a word on where the CA goes',
		here: 'names the setting that must hold the CA',
		shownBy: { file: 'test/fetcher/faults/trust.ts', test: 'an unknown CA' },
		sentence: 'ENVTIER_VAULT_CA must hold the CA that issued it',
	},
	{
		source: 'external-secrets/external-secrets#3978',
		report: 'a CA bundle is refused because it is PEM where base64 is wanted, or the reverse',
		here: 'both are understood or named as what they are when the webhook starts',
		shownBy: { file: 'test/contract/pem.test.ts', test: 'base64 of PEM, as it stands in a caBundle' },
		sentence: 'base64 of PEM is named as such',
	},
	{
		source: 'bank-vaults/bank-vaults#864',
		report: '`no such host` for an address that another setting overrides',
		here: 'names the host, the setting and the ConfigMap',
		shownBy: { file: 'test/fetcher/faults/names.ts', test: 'a name that is not in DNS' },
		sentence: 'its name "…" is not in DNS',
	},
	{
		source: 'hashicorp/vault-k8s#29',
		report: 'the init container cannot connect while a mesh’s proxy has not started',
		here: 'tried again until the deadline; native sidecars may start first (envtier.dev/init-order)',
		shownBy: { file: 'test/fetcher/faults/network.ts', test: 'nothing listens at first' },
		sentence: 'nothing listens there (connection refused); trying again',
	},
	{
		source: 'hashicorp/vault-k8s#133',
		report: 'a CronJob’s pods never end, because a container that was added goes on',
		here: 'what is added is an init container that ends before the application starts',
		shownBy: { file: `${NODE}/workloads.test.ts`, test: 'a CronJob, when its minute has come' },
		sentence: 'the Job is complete',
	},
	{
		source: 'bank-vaults/vault-secrets-webhook#405',
		report: 'some pods start without the init container while the webhook is away',
		here: 'pods that ask are refused until it is back; a policy refuses what was not injected',
		shownBy: {
			file: `${NODE}/disturbing/outage.test.ts`,
			test: 'of the webhook: annotated pods are refused until it is back, others start as if nothing had happened',
		},
		sentence: 'failed calling webhook "inject.envtier.dev"',
	},
	{
		source: 'hashicorp/vault-helm#704',
		report:
			'replicas with different CAs after nodes were drained: `x509: certificate signed by unknown authority`',
		here: 'all replicas share one CA in a Secret, without a leader',
		shownBy: {
			file: 'test/certs/replicas.test.ts',
			test: 'every replica replaced, one after the other: no call is lost',
		},
		sentence: 'one CA for all replicas',
	},
	{
		source: 'hashicorp/vault#12109',
		report: '`source` fails in the container’s shell, which is busybox or dash',
		here: 'the file is sourced by dash, bash, busybox, zsh and ksh alike',
		shownBy: { file: 'test/fetcher/shell.test.ts', test: 'gives back any value byte for byte' },
		sentence: 'each value comes back byte for byte',
	},
	{
		source: 'hashicorp/nomad#5347',
		report: 'a secret with a single quote cannot become an environment variable',
		here: 'whatever bytes it has but NUL',
		shownBy: { file: 'test/fetcher/shell.test.ts', test: 'gives back any value byte for byte' },
		sentence: 'each value comes back byte for byte',
	},
	{
		source: 'cyberark/sidecar-injector#23',
		report: 'annotations on the workload instead of its pod template, and nothing happens',
		here: '`envtier explain` names the place',
		shownBy: {
			file: 'test/cli/explain.test.ts',
			test: 'annotations on a workload instead of its pod template get a hint',
		},
		sentence: 'a hint that names the pod template',
	},
	{
		source: 'hashicorp/vault#12918',
		report: 'tokens with a limit on their uses give `permission denied` at some point',
		here: 'names token_num_uses',
		shownBy: { file: END_TO_END, test: 'a role whose tokens may be used a few times only' },
		sentence: 'its token is used up, for the role "…" allows 4 uses (token_num_uses)',
	},
	{
		source: 'bank-vaults/bank-vaults#764',
		report: 'a container without a command cannot be wrapped, since the webhook cannot read the image',
		here: 'refused, with what to write',
		see: () => applied({ deployment: 'shop', wrap: 'true' }),
		sentence: /has no command, and the entry point of its image cannot be seen from here/,
	},
	{
		source: 'hashicorp/vault-k8s#80',
		report: 'workloads on Windows nodes: containers for Linux and volumes in memory cannot run there',
		here: 'refused when the pod is created, and only where Linux is ruled out',
		see: () => {
			const windowsOptions = { hostProcess: true };
			const container = { name: 'web', image: 'web:1', securityContext: { windowsOptions } };
			return applied({ deployment: 'shop' }, { containers: [container] });
		},
		sentence: /^pods on Windows get no secrets/,
	},
	{
		source: 'hashicorp/vault-csi-provider#165',
		report: 'a key that does not exist becomes the text "null", and the pod starts',
		here: 'a required key that does not exist fails the fetch, with its name',
		see: (parts) => described(parts, { env: { ENVTIER_REQUIRE: 'PASSSWORD' } }),
		sentence: /has PASSSWORD \(asked for by envtier.dev\/require\)/,
	},
];

/** A test by its file and (part of) its name. */
type Elsewhere = readonly [report: string, here: string, file: string, test: string];

const RECONCILE = 'test/webhook/reconcile.test.ts';
const CHANGES = 'test/fetcher/faults/changes.ts';

const ELSEWHERE: readonly Elsewhere[] = [
	[
		'a policy engine sets runAsUser after us: the application cannot read the files',
		'our containers follow',
		RECONCILE,
		'a UID that a policy gave to the pod',
	],
	[
		'a strategic merge patch puts a chosen init container before its fetcher',
		'it comes after its fetcher again',
		RECONCILE,
		'a chosen init container that was put before its fetcher comes after it again',
	],
	[
		'a command or variables are added to every container, ours among them',
		'what decides what our container does is reset, the rest stays',
		RECONCILE,
		'what another webhook changed in our parts is changed back',
	],
	[
		'another tool’s webhook rewrites variables whose value begins with "vault:"',
		'none of ours does',
		'test/webhook/foreign-values.test.ts',
		'no value of a fetcher’s variable is taken for a reference by another tool’s webhook',
	],
	[
		'pods that only Windows nodes can run are injected and never start',
		'refused, while those that Linux can run as well are injected',
		'test/webhook/windows.test.ts',
		'a pod that can run on Windows alone is refused',
	],
	[
		'pods are refused while replicas of the webhook have different settings',
		'brought to what the replica that is asked last would inject',
		RECONCILE,
		'other settings',
	],
	[
		'one key that answers 500 is told as a matter of DNS',
		'key and path are named',
		'test/fetcher/faults/responses.ts',
		'500 for one key alone',
	],
	[
		'the issuer is another: tried again until the deadline',
		'ends at once, naming the setting',
		'test/fetcher/faults/responses.ts',
		'403 that says that the issuer is another',
	],
	[
		'400 while Vault upgrades a KV mount ends the fetch',
		'tried again',
		CHANGES,
		'400 while a KV mount becomes version 2',
	],
	[
		'a connection for each key behind a proxy that announces a smaller header table',
		'one connection',
		'test/fetcher/faults.test.ts',
		'in front of Vault stands a proxy with a header table of %d bytes: one connection for everything',
	],
	[
		'KV version 1 is said of a mount of version 2, and the reverse',
		'named with the setting, whatever the policy allows',
		END_TO_END,
		'a KV mount of $what, whatever the policy allows',
	],
	[
		'one secret with many fields gives an empty file',
		'refused with the command that is right',
		END_TO_END,
		'one secret with all keys in the place of a tier is refused with the way to write it',
	],
	[
		'a missing key says nothing of the paths that were listed',
		'empty tiers and their paths are named',
		END_TO_END,
		'a deployment that has nothing: the name is called in question, and the paths are told',
	],
	[
		'readers of .env files take backslashes and quotes differently',
		'forms that most of them agree on; the rest is refused',
		'test/fetcher/dotenv.test.ts',
		'every value that is not refused comes out of',
	],
	[
		'login in the parent Vault namespace, secrets in the child',
		'by the paths of the mounts; documented',
		'test/vault-policies/namespaces.test.ts',
		'platform/team-a/secret',
	],
	[
		'an empty value fails the whole pod',
		'a setting and an annotation say what becomes of it',
		END_TO_END,
		'an empty value is refused with a sentence that names the annotation, skipped, or kept',
	],
	[
		'CA bundles joined without a newline are accepted, and fail in every fetch',
		'understood',
		'test/contract/pem.test.ts',
		'what people make of a bundle is understood',
	],
	['Vault is below a path', 'a setting', 'test/fetcher/routes.test.ts', 'Vault below a path'],
	['Vault is behind a proxy', 'a setting', 'test/fetcher/routes.test.ts', 'a proxy'],
	[
		'the certificate is for another name than the host',
		'a setting',
		'test/fetcher/routes.test.ts',
		'a certificate for another name than the host',
	],
	[
		'the fetcher’s image needs pull secrets',
		'a setting',
		'test/cluster/apiserver/operator-settings.test.ts',
		'pull secrets are added to those of the service account, which Kubernetes gives to pods without any',
	],
	[
		'a quota wants ephemeral storage',
		'a setting',
		'test/cluster/apiserver/operator-settings.test.ts',
		'a quota counts the ephemeral storage of the fetcher',
	],
	[
		'explain finds no pods in resources that it does not know',
		'finds pod templates wherever they are',
		'test/cli/explain-kinds.test.ts',
		'a pod template is found in',
	],
	[
		'an annotation’s value without quotes',
		'the annotation is named',
		'test/cli/explain-kinds.test.ts',
		'a value without quotes',
	],
	[
		'quantities are compared by their text',
		'compared by amount',
		'test/webhook/quantities.test.ts',
		'a request exceeds its limit by amount',
	],
	[
		'a byte order mark becomes part of a value',
		'removed',
		'test/cli/byte-order-mark.test.ts',
		'a byte order mark is removed',
	],
];

/** Reports that were tried on the built programs, each shown where its parts are. */
export const TRIED: readonly Report[] = ELSEWHERE.map(([report, here, file, test]) => ({
	...{ source: 'tried here', report, here, sentence: here },
	shownBy: { file, test },
}));
