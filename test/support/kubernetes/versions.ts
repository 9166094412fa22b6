import process from 'node:process';

/** A release of Kubernetes beside the one that go/kubernetes/go.mod pins. */
export interface KubernetesRelease {
	readonly version: string;
	/** The module's checksum in Go's checksum database. Its own go.sum pins all other modules. */
	readonly sum: string;
}

/** What go/kubernetes/go.mod pins, as major and minor. */
export const PINNED_KUBERNETES = '1.35';

/** Other versions whose API server the tests can run on: the oldest that Envtier supports to the newest. */
export const OTHER_KUBERNETES: Readonly<Record<string, KubernetesRelease>> = {
	'1.32': { version: 'v1.32.13', sum: 'h1:5TGYdZ6YZqdp6h/Rp1vX/4TIoybMPdgv97LCZCtPuNQ=' },
	'1.33': { version: 'v1.33.13', sum: 'h1:bmH31xUdSzeA5vk0wZAK9MZp11mdLuzUSeKk0qN3hPQ=' },
	'1.34': { version: 'v1.34.4', sum: 'h1:Yy6R4QB8C9kJPp25GFqEvX5XQwY5qzKeqD0Xx6oAcmk=' },
	'1.36': { version: 'v1.36.3', sum: 'h1:qDQdoMiluAE2Eab6Fa52YV+WjiGz9mZFFoagEA6cI+o=' },
	'1.37': { version: 'v1.37.2', sum: 'h1:A2VDEiObzkYqFTKhSsn0ZEb0RlLEXpHWj93gi2HqEwE=' },
};

/**
 * The release that ENVTIER_TEST_KUBERNETES selects by major and minor version. Undefined for the pinned one,
 * which is also the default. Throws on an unknown version: a run on another version would mislead.
 */
export function chosenKubernetes(
	{ ENVTIER_TEST_KUBERNETES: chosen }: NodeJS.ProcessEnv = process.env,
): KubernetesRelease | undefined {
	if (!chosen || chosen === PINNED_KUBERNETES) return undefined;
	const release = Object.hasOwn(OTHER_KUBERNETES, chosen) ? OTHER_KUBERNETES[chosen] : undefined;
	if (release === undefined) {
		const known = [...Object.keys(OTHER_KUBERNETES), PINNED_KUBERNETES].sort().join(', ');
		throw new Error(`ENVTIER_TEST_KUBERNETES=${chosen} is not one of ${known}`);
	}
	return release;
}

/** The first minor version of Kubernetes that has MutatingAdmissionPolicy in v1. */
const FIRST_WITH_POLICIES = 36;

/** Whether a release has mutating admission policies. */
export function hasPolicies({ version }: KubernetesRelease): boolean {
	return Number(version.split('.')[1]) >= FIRST_WITH_POLICIES;
}

/** The release that ENVTIER_TEST_KUBERNETES names, if it has mutating policies, else the newest. */
export function policyKubernetes(env: NodeJS.ProcessEnv = process.env): KubernetesRelease {
	const chosen = chosenKubernetes(env);
	if (chosen !== undefined && hasPolicies(chosen)) return chosen;
	const newest = OTHER_KUBERNETES['1.37'];
	if (newest === undefined) throw new Error('Kubernetes 1.37 is none of the versions that tests run on');
	return newest;
}
