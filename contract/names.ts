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

/** Of a pod the annotation, of its namespace the label that names the organization. */
export const ORG_LABEL = `${ANNOTATION_PREFIX}org`;

/**
 * Names of the pieces that injection adds to a pod. With several UIDs a suffix `-{uid}` follows
 * from the second group on.
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
	/** Where the fetcher's own container sees the volume, whatever `envtier.dev/path` says. */
	outDir: '/secrets',
	tokenDir: '/var/run/secrets/envtier.dev',
	tokenFile: 'token',
} as const;

/** Maximum lengths of a DNS label and of a name (RFC 1123, as Kubernetes applies it to subdomains). */
const LABEL_MAX = 63;
export const NAME_MAX = 253;

const LABEL = `[a-z0-9](?:[-a-z0-9]{0,${LABEL_MAX - 2}}[a-z0-9])?`;
/** The pattern of a name, besides its maximum length. */
export const NAME_PATTERN = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/** What a name of an organization, deployment, service or template must look like, for messages. */
export const NAME_RULE = `lower-case letters, digits, "-" and ".", starting and ending with a letter or digit, at most ${LABEL_MAX} characters between dots and ${NAME_MAX} in all`;

/**
 * Takes the name of an organization, deployment, service or template: an RFC 1123 subdomain, so that
 * it is exactly one path segment. Nothing that fails here may be put into a Vault path.
 */
export function parseName(text: string): Result<string> {
	if (text.length <= NAME_MAX && NAME_PATTERN.test(text)) return ok(text);
	return err(NAME_RULE);
}

/** As long as the longest name of a service account. */
const ROLE_MAX = NAME_MAX;

/**
 * Vault role names: what the kubernetes and jwt auth methods accept in a URL path, and nothing that
 * could leave it (no "/", no "..").
 */
export const ROLE_RULE = `letters, digits, "-", "_" and ".", at most ${ROLE_MAX} characters, starting with a letter or digit`;

/** The same for programs. */
export const ROLE_PATTERN = new RegExp(`^[A-Za-z0-9][-A-Za-z0-9_.]{0,${ROLE_MAX - 1}}$`);

/** Takes the name of a Vault role. */
export function parseRole(text: string): Result<string> {
	return ROLE_PATTERN.test(text) ? ok(text) : err(ROLE_RULE);
}
