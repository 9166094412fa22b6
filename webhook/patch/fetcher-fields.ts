import type { V1Container, V1SecurityContext } from '@kubernetes/client-node';

/**
 * What happens to a field of a fetcher's container that differs from injection. `ours`: it gets our value.
 * `removed`: injection never sets it, so it is removed. `kept`: others may set it. `checked`: part of it is
 * ours, see `why`.
 */
export type FieldRule =
	| { readonly rule: 'ours' | 'removed'; readonly why: string }
	| { readonly rule: 'kept'; readonly why: string }
	| { readonly rule: 'checked'; readonly why: string };

const RUNS = 'decides what runs';
const WAITS = 'decides whether the application waits for the fetcher and its success';
const IDENTITY = 'decides whether the application can read the files';
const RIGHTS = 'Pod Security "restricted"';

/**
 * The fields of a fetcher's container when a pod is reviewed again (ADR 40). The type checker reports fields
 * that a new version of the Kubernetes types adds. docs/reference.md is generated from this table.
 */
export const FETCHER_FIELDS = {
	name: { rule: 'ours', why: 'by it the container is found' },
	image: {
		rule: 'checked',
		why: 'kept when another webhook has rewritten it (to a mirror, a digest, another tag) and the last part of its name is still ours',
	},
	imagePullPolicy: { rule: 'kept', why: 'a matter of the cluster' },
	command: { rule: 'removed', why: RUNS },
	args: { rule: 'removed', why: RUNS },
	workingDir: { rule: 'removed', why: RUNS },
	env: {
		rule: 'checked',
		why: 'variables that begin with ENVTIER_ are ours; those that decide how a program starts or whom it trusts are removed; others, such as HTTP_PROXY, are kept',
	},
	envFrom: { rule: 'removed', why: 'its variables cannot be seen from here' },
	volumeMounts: {
		rule: 'checked',
		why: 'our volumes and our directories are ours; other mounts are kept',
	},
	volumeDevices: { rule: 'removed', why: 'the fetcher uses no device' },
	securityContext: { rule: 'checked', why: 'field by field, as below' },
	restartPolicy: { rule: 'checked', why: `ours in a sidecar; removed from a fetcher: it ${WAITS}` },
	restartPolicyRules: { rule: 'checked', why: `ours in a sidecar that restarts the pod; removed elsewhere` },
	lifecycle: { rule: 'removed', why: WAITS },
	livenessProbe: { rule: 'removed', why: WAITS },
	readinessProbe: { rule: 'checked', why: `ours in a sidecar that restarts the pod; removed elsewhere` },
	startupProbe: { rule: 'removed', why: WAITS },
	terminationMessagePath: { rule: 'checked', why: 'the default of the API server counts as absent' },
	terminationMessagePolicy: { rule: 'ours', why: 'by it a failure is explained' },
	resources: { rule: 'kept', why: 'a matter of the cluster' },
	resizePolicy: { rule: 'kept', why: 'a matter of the cluster' },
	ports: { rule: 'kept', why: 'the fetcher listens on none' },
	stdin: { rule: 'kept', why: 'the fetcher reads nothing from it' },
	stdinOnce: { rule: 'kept', why: 'the fetcher reads nothing from it' },
	tty: { rule: 'kept', why: 'the fetcher reads nothing from it' },
} as const satisfies Record<keyof V1Container, FieldRule>;

/** The same for the fields of its `securityContext`. */
export const SECURITY_FIELDS = {
	runAsUser: { rule: 'ours', why: IDENTITY },
	runAsGroup: { rule: 'ours', why: IDENTITY },
	runAsNonRoot: { rule: 'ours', why: RIGHTS },
	allowPrivilegeEscalation: { rule: 'ours', why: RIGHTS },
	readOnlyRootFilesystem: { rule: 'ours', why: 'nothing is written outside the volume' },
	privileged: { rule: 'removed', why: RIGHTS },
	capabilities: { rule: 'checked', why: 'kept when ALL is dropped and none is added' },
	seccompProfile: { rule: 'checked', why: 'kept when it is RuntimeDefault or Localhost' },
	appArmorProfile: { rule: 'checked', why: 'kept unless it is Unconfined' },
	procMount: { rule: 'checked', why: 'kept when it is Default' },
	seLinuxOptions: { rule: 'kept', why: 'a matter of the node' },
	windowsOptions: { rule: 'removed', why: 'the fetcher runs on Linux' },
} as const satisfies Record<keyof V1SecurityContext, FieldRule>;

/**
 * Variables that control the fetcher's process or its trust. Other variables with such prefixes stay: many
 * policies add NODE_NAME to all containers, and LD_SDK_KEY belongs to LaunchDarkly. VAULT_ADDR and similar
 * have no effect on the fetcher. The ValidatingAdmissionPolicy (deploy/manifests/base/require-injection.yaml)
 * has the same list.
 *
 * Sources: ld.so(8); glibc, sysdeps/generic/unsecvars.h; Node.js, "Command-line API"; OpenSSL,
 * openssl-env(7).
 */
export const CONTROL_VARIABLES: readonly string[] = [
	'NODE_OPTIONS',
	'NODE_PATH',
	'NODE_EXTRA_CA_CERTS',
	'NODE_TLS_REJECT_UNAUTHORIZED',
	'NODE_USE_SYSTEM_CA',
	'NODE_USE_ENV_PROXY',
	'NODE_V8_COVERAGE',
	'NODE_COMPILE_CACHE',
	'NODE_REPL_EXTERNAL_MODULE',
	'LD_PRELOAD',
	'LD_LIBRARY_PATH',
	'LD_AUDIT',
	'LD_ORIGIN_PATH',
	'GCONV_PATH',
	'GLIBC_TUNABLES',
	'OPENSSL_CONF',
	'OPENSSL_MODULES',
	'OPENSSL_ENGINES',
	'SSL_CERT_FILE',
	'SSL_CERT_DIR',
	'SSLKEYLOGFILE',
];

/**
 * Our own variables, and those that Bun reads: the fetcher is a Bun executable (Bun documentation,
 * "Environment variables").
 */
export const CONTROL_PREFIXES = ['ENVTIER_', 'BUN_'];

/** Whether a variable decides what the fetcher does. */
export function controlsFetcher(variable: string): boolean {
	return (
		CONTROL_VARIABLES.includes(variable) || CONTROL_PREFIXES.some((prefix) => variable.startsWith(prefix))
	);
}
