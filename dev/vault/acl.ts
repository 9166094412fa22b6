/** Capabilities that a policy can grant on a path. */
export const CAPABILITIES = ['create', 'read', 'update', 'patch', 'delete', 'list', 'sudo', 'deny'] as const;

/** One capability. */
export type Capability = (typeof CAPABILITIES)[number];

/** Path patterns and their capabilities. `*` at the end matches any suffix, a segment `+` any one segment. */
export type Policy = ReadonlyMap<string, readonly Capability[]>;

/** The error in a path pattern; undefined if it is valid. */
export function patternFault(pattern: string): string | undefined {
	if (pattern.startsWith('/')) return 'starts with "/"';
	if (pattern.includes('+*')) return 'has "+*", which Vault forbids';
	return undefined;
}

/**
 * The capabilities on `path`, by Vault's rules: only the most specific pattern of all policies counts. Where
 * several policies have that pattern, their capabilities add up; "deny" removes all others.
 *
 * @param path path as in Vault's policies: a list request ends in "/"
 */
export function allowed(policies: readonly Policy[], path: string): ReadonlySet<Capability> {
	const patterns = new Set(policies.flatMap((policy) => [...policy.keys()]));
	const best = pick(patterns, path);
	const capabilities = new Set(
		best === undefined ? [] : policies.flatMap((policy) => [...(policy.get(best) ?? [])]),
	);
	return capabilities.has('deny') ? new Set(['deny']) : capabilities;
}

/** The most specific pattern for a path. A policy may name a folder with or without the slash at its end. */
function pick(patterns: ReadonlySet<string>, path: string): string | undefined {
	const bare = path.replace(/\/$/, '');
	const exact = [path, bare].find((name) => isExact(name) && patterns.has(name));
	return exact ?? mostSpecific(patterns, path) ?? mostSpecific(patterns, bare);
}

function mostSpecific(patterns: ReadonlySet<string>, path: string): string | undefined {
	return [...patterns].filter((pattern) => !isExact(pattern) && matches(pattern, path)).sort(byPriority)[0];
}

function isExact(pattern: string): boolean {
	return !pattern.endsWith('*') && !hasSegmentWildcard(pattern);
}

function hasSegmentWildcard(pattern: string): boolean {
	return pattern === '+' || pattern.startsWith('+/') || pattern.includes('/+');
}

function matches(pattern: string, path: string): boolean {
	const isPrefix = pattern.endsWith('*');
	const stem = isPrefix ? pattern.slice(0, -1) : pattern;
	if (!hasSegmentWildcard(pattern)) return path.startsWith(stem);
	const patternSegments = stem.split('/');
	const pathSegments = path.split('/');
	if (
		isPrefix ? pathSegments.length < patternSegments.length : pathSegments.length !== patternSegments.length
	)
		return false;
	return patternSegments.every((segment, at) => {
		if (segment === '+' || segment === pathSegments[at]) return true;
		return isPrefix && at === patternSegments.length - 1 && (pathSegments[at] ?? '').startsWith(segment);
	});
}

/** Vault's order of precedence among patterns that match; the first one wins. */
function byPriority(a: string, b: string): number {
	return (
		firstWildcard(b) - firstWildcard(a) ||
		Number(a.endsWith('*')) - Number(b.endsWith('*')) ||
		wildcardSegments(a) - wildcardSegments(b) ||
		b.length - a.length ||
		(a < b ? 1 : -1)
	);
}

function firstWildcard(pattern: string): number {
	return hasSegmentWildcard(pattern) ? pattern.indexOf('+') : pattern.length - 1;
}

function wildcardSegments(pattern: string): number {
	return pattern.split('/').filter((segment) => segment === '+').length;
}
