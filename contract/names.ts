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
	volume: 'envtier-secrets',
	tokenVolume: 'envtier-token',
	/** Where the fetcher's own container sees the volume, whatever `envtier.dev/path` says. */
	outDir: '/secrets',
	tokenDir: '/var/run/secrets/envtier.dev',
	tokenFile: 'token',
} as const;

/** RFC 1123 limits, as Kubernetes applies them to labels (63) and subdomains (253). */
export const NAME_PATTERN =
	/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*$/;
/** Characters of a name at most. */
export const NAME_MAX = 253;

/** What a name of an organization, deployment, service or template must look like, for messages. */
export const NAME_RULE =
	'lower-case letters, digits, "-" and ".", starting and ending with a letter or digit, at most 63 characters between dots and 253 in all';

/**
 * Takes the name of an organization, deployment, service or template: an RFC 1123 subdomain, so that
 * it is exactly one path segment. Nothing that fails here may be put into a Vault path.
 */
export function parseName(text: string): Result<string> {
	if (text.length <= NAME_MAX && NAME_PATTERN.test(text)) return ok(text);
	return err(NAME_RULE);
}

/**
 * Vault role names: what the kubernetes and jwt auth methods accept in a URL path, and nothing that
 * could leave it (no "/", no "..").
 */
export const ROLE_RULE =
	'letters, digits, "-", "_" and ".", at most 253 characters, starting with a letter or digit';

/** The same for programs. */
export const ROLE_PATTERN = /^[A-Za-z0-9][-A-Za-z0-9_.]{0,252}$/;

/** Takes the name of a Vault role. */
export function parseRole(text: string): Result<string> {
	return ROLE_PATTERN.test(text) ? ok(text) : err(ROLE_RULE);
}
