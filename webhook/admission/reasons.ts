import { MAX_LEASES } from '../../contract/lease.ts';
import {
	BODY_BOUNDS,
	MAX_ADDED,
	MAX_ANNOTATIONS_LENGTH,
	MAX_FETCHER_TEXT,
	MAX_KEYED_VALUES,
	MAX_PIECES,
	MAX_SELECTIONS,
	MAX_UNSCANNED_BODY,
	MAX_USERS,
} from './bounds.ts';

const count = (n: number): string => n.toLocaleString('en-US');

const kib = (bytes: number): string => `${count(bytes / 1024)} KiB`;

/** One reason for a decision, for the reference. The message of a decision describes the single case. */
interface Reason {
	readonly meaning: string;
	/** What the author of the pod can do. Empty if nothing is wrong. */
	readonly cure: string;
}

/** Why a pod is changed. Stable words: they label metrics and log lines. */
export const INJECT_REASONS = {
	requested: { meaning: 'the pod asks for secrets', cure: '' },
	reconciled: {
		meaning:
			'the pod was injected before, and another webhook or other settings made what was injected differ from what would be injected now',
		cure: '',
	},
} as const satisfies Record<string, Reason>;

/** Why a pod is not changed. Stable words: they label metrics and audit annotations. */
export const SKIP_REASONS = {
	'not-a-pod-creation': {
		meaning: 'not the creation of a pod: an update, a subresource or another kind of object',
		cure: '',
	},
	'not-requested': { meaning: 'no annotation under the prefix', cure: '' },
	'opted-out': { meaning: 'envtier.dev/inject is "false"', cure: '' },
	'already-injected': {
		meaning: 'the pod carries what injection would add (reinvocation, or a copy of a running pod)',
		cure: '',
	},
} as const satisfies Record<string, Reason>;

/** Why a pod is refused. Stable words: they label metrics and audit annotations. */
export const REJECT_REASONS = {
	'malformed-pod': {
		meaning: 'a field of the pod does not have the type that the Kubernetes API gives it',
		cure: 'correct the field that the message names',
	},
	'unknown-annotation': {
		meaning: 'an annotation under the prefix that Envtier does not know, most often a typo',
		cure: 'write the name that the message suggests, or remove the annotation',
	},
	'bad-annotation': {
		meaning: 'the value of an annotation is not acceptable, or the Vault role made from the settings is not',
		cure: 'write what the message says is accepted; it describes the value without repeating it',
	},
	'deployment-missing': {
		meaning: 'annotations under the prefix, but none that says which deployment’s secrets are meant',
		cure: 'add envtier.dev/deployment, or set envtier.dev/inject to "false"',
	},
	'tier-without-name': {
		meaning: 'envtier.dev/tiers asks for a tier that nothing names',
		cure: 'add envtier.dev/service or envtier.dev/org, or take the tier off the list',
	},
	'org-not-allowed': {
		meaning:
			'envtier.dev/org contradicts the operator: the label of the namespace is enforced (ENVTIER_ORG_LABEL)',
		cure: 'remove envtier.dev/org from the pod, or ask for another label on the namespace',
	},
	'bad-org-label': {
		meaning: 'the label envtier.dev/org of the namespace is not the name of an organization',
		cure: 'correct the label, or name the organization in the pod’s annotation where the label is not enforced',
	},
	'namespace-unknown': {
		meaning:
			'the webhook does not know the label envtier.dev/org of the namespace yet, because one of the two is new',
		cure: 'try again in a moment; controllers do so by themselves',
	},
	'namespace-outdated': {
		meaning: 'the webhook last read the labels of namespaces too long ago to enforce them',
		cure: 'try again; the operator of the cluster must let the webhook list and watch namespaces',
	},
	'unknown-container': {
		meaning:
			'envtier.dev/containers names a container that the pod does not have, or an annotation is about one that gets no secrets',
		cure: 'write one of the names that the message lists',
	},
	'container-too-early': {
		meaning: 'an init container is to get secrets that would be fetched after it has run',
		cure: 'set envtier.dev/init-order to "first"',
	},
	'name-taken': {
		meaning: 'a container or volume of the pod has a name that injection needs',
		cure: 'rename it',
	},
	'mount-taken': {
		meaning:
			'a container mounts something at the directory of the secrets or inside it, or something read-only above it',
		cure: 'choose another directory with envtier.dev/path',
	},
	'root-without-override': {
		meaning: 'a container runs as root but without the right to read files of other users',
		cure: 'set its runAsUser, or add the capability DAC_OVERRIDE',
	},
	'native-env-unavailable': {
		meaning:
			'envtier.dev/env asks for native environment variables, which this cluster or its settings do not give',
		cure: 'upgrade to Kubernetes 1.35, or source the file instead of using envtier.dev/env',
	},
	'variable-taken': {
		meaning: 'envtier.dev/env names a variable that a container sets already',
		cure: 'remove one of them, or rename the variable with VARIABLE=KEY',
	},
	'code-variable': {
		meaning: 'envtier.dev/env names a variable that makes programs run code',
		cure: 'give the variable another name with VARIABLE=KEY, or name it in envtier.dev/allow as well',
	},
	'nothing-to-deliver': {
		meaning:
			'envtier.dev/format is "none", and no variables are asked for, or an annotation is about the files that there are not',
		cure: 'remove envtier.dev/format, or name keys in envtier.dev/env',
	},
	'cannot-wrap': {
		meaning:
			'envtier.dev/wrap asks to start a container through a shell, but the pod does not say its command, or no file is written that a shell sources',
		cure: 'write the container’s command into the pod, or take the container out with envtier.dev/wrap.CONTAINER "false"',
	},
	'refresh-unavailable': {
		meaning: 'envtier.dev/refresh or a lease needs a native sidecar, which this API server does not know',
		cure: 'upgrade to Kubernetes 1.29, or remove envtier.dev/refresh and envtier.dev/lease.NAME',
	},
	'refresh-unused': {
		meaning:
			'envtier.dev/refresh or a lease changes values, but no container reads a file of them, or one takes a key of a lease as a variable, and nothing restarts the containers',
		cure: 'set envtier.dev/on-change to "restart"; or name the files that the application reads in envtier.dev/format and take no key of a lease in envtier.dev/env; or remove envtier.dev/refresh',
	},
	'restart-unavailable': {
		meaning:
			'envtier.dev/on-change is "restart", but the containers of this pod cannot be restarted in place: its restartPolicy is not Always, or the cluster is older than Kubernetes 1.36',
		cure: 'use a signal or a POST, or upgrade to Kubernetes 1.36',
	},
	'signal-unavailable': {
		meaning: 'envtier.dev/on-change sends a signal, but the pod’s containers do not share their processes',
		cure: 'set shareProcessNamespace to true, or use a POST',
	},
	'post-unavailable': {
		meaning: 'envtier.dev/on-change sends a POST to localhost, but the pod uses the network of the node',
		cure: 'use a signal, or remove hostNetwork',
	},
	'rollout-unavailable': {
		meaning: 'envtier.dev/on-change is "rollout", but a KV engine of version 1 has no versions to compare',
		cure: 'use a KV engine of version 2, or envtier.dev/refresh with a POST or a signal',
	},
	'private-volume-exposed': {
		meaning:
			'with shareProcessNamespace or hostPID a container that gets no secrets could read the tokens of the sidecar through /proc',
		cure: 'give that container a runAsUser of its own, or the secrets as well',
	},
	'too-large': {
		meaning: `the pod has more pieces than the webhook looks at (${count(MAX_PIECES)}), a review of more than ${kib(MAX_UNSCANNED_BODY)} more values (${count(BODY_BOUNDS.values)}), different names of members (${count(BODY_BOUNDS.names)}) or levels (${BODY_BOUNDS.depth}) than it parses, managedFields left out; or the pod would get more than it adds: ${MAX_USERS} fetchers, ${count(MAX_ADDED)} mounts and variables, ${MAX_SELECTIONS} different parts of the secrets, ${MAX_KEYED_VALUES} composed and sealed values, ${MAX_LEASES} leases, ${kib(MAX_FETCHER_TEXT)} of text in the fetchers’ variables; or its annotations of ours hold more than ${kib(MAX_ANNOTATIONS_LENGTH)}`,
		cure: 'request less: the message says of what',
	},
	windows: {
		meaning: 'the pod runs on Windows',
		cure: 'remove the annotations: the fetcher and its in-memory volume need Linux',
	},
	'static-pod': {
		meaning: 'the pod is the mirror of a static pod, which has no service account to log in with',
		cure: 'remove the annotations, or run the pod under a Deployment or DaemonSet',
	},
} as const satisfies Record<string, Reason>;

/** A reason to change a pod. */
export type InjectReason = keyof typeof INJECT_REASONS;

/** A reason to leave a pod unchanged. */
export type SkipReason = keyof typeof SKIP_REASONS;

/** A reason to refuse a pod. */
export type RejectReason = keyof typeof REJECT_REASONS;
