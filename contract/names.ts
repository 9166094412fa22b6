import { err, ok, type Result } from './result.ts';

/** The prefix of every annotation and label of Envtier. A DNS name, as Kubernetes requires. */
export const ANNOTATION_PREFIX = 'envtier.dev/';

/**
 * Whether an annotation has our prefix. Kubernetes allows capital letters in it; we refuse them later instead
 * of ignoring the annotation.
 */
export function isUnderPrefix(annotation: string): boolean {
	return annotation.slice(0, ANNOTATION_PREFIX.length).toLowerCase() === ANNOTATION_PREFIX;
}

/**
 * On a running pod: asks its sidecars to check Vault now. `envtier refresh` writes the time; a sidecar only
 * looks whether the text has changed.
 */
export const REQUEST_ANNOTATION = `${ANNOTATION_PREFIX}refresh-requested`;

/** The name of the organization: an annotation of the pod, or a label of its namespace. */
export const ORG_LABEL = `${ANNOTATION_PREFIX}org`;

/**
 * Names of the containers, volumes and paths that injection adds to a pod. If the containers run as several
 * UIDs, names of the second and later groups end in `-{uid}`.
 */
export const INJECTED = {
	container: 'envtier-fetch',
	/** The native sidecar that keeps the files current. */
	sidecar: 'envtier-refresh',
	volume: 'envtier-secrets',
	tokenVolume: 'envtier-token',
	/** Holds the private file; mounted by a fetcher and its sidecar only. */
	privateVolume: 'envtier-private',
	privateDir: '/var/lib/envtier.dev',
	/** Mount path of the volume in the fetcher's container. `envtier.dev/path` does not change it. */
	outDir: '/secrets',
	tokenDir: '/var/run/secrets/envtier.dev',
	tokenFile: 'token',
	/** Beside the token: the request of `envtier refresh`, from an annotation of the pod. */
	requestFile: 'refresh-requested',
} as const;

/** Path of the program in the fetcher's image. The readiness probe of the sidecar runs it. */
export const FETCHER_PROGRAM = '/opt/envtier/fetcher';

/** Maximum lengths of a DNS label and of a name (RFC 1123, as Kubernetes applies it to subdomains). */
const LABEL_MAX = 63;
export const NAME_MAX = 253;

const LABEL = `[a-z0-9](?:[-a-z0-9]{0,${LABEL_MAX - 2}}[a-z0-9])?`;
/** The pattern of a name, besides its maximum length. */
export const NAME_PATTERN = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/** The syntax of a name of an organization, deployment, service or template, for messages. */
export const NAME_RULE = `lower-case letters, digits, "-" and ".", starting and ending with a letter or digit, at most ${LABEL_MAX} characters between dots and ${NAME_MAX} in all`;

/**
 * Parses the name of an organization, deployment, service or template: an RFC 1123 subdomain. Such a name is
 * always one path segment. A text that fails here must not become a part of a Vault path.
 */
export function parseName(text: string): Result<string> {
	if (text.length <= NAME_MAX && NAME_PATTERN.test(text)) return ok(text);
	return err(NAME_RULE);
}

/** The maximum length of a service account's name. */
const ROLE_MAX = NAME_MAX;

/**
 * The syntax of a Vault role's name, for messages: what the kubernetes and jwt auth methods accept in a URL
 * path. It excludes "/" and "..", which would change the path.
 */
export const ROLE_RULE = `letters, digits, "-", "_" and ".", at most ${ROLE_MAX} characters, starting with a letter or digit`;

/** The same rule as a pattern. */
export const ROLE_PATTERN = new RegExp(`^[A-Za-z0-9][-A-Za-z0-9_.]{0,${ROLE_MAX - 1}}$`);

/** Parses the name of a Vault role. */
export function parseRole(text: string): Result<string> {
	return ROLE_PATTERN.test(text) ? ok(text) : err(ROLE_RULE);
}
