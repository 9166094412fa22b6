import { allowed, type Capability, type Policy } from './acl.ts';
import { isCreate } from './mounts.ts';
import type { VaultRequest } from './request.ts';
import type { Namespace, VaultState } from './state.ts';
import { ROOT_POLICY, type Token } from './tokens.ts';

/** The policy `default`, which every token has. */
const DEFAULT_POLICY: Policy = new Map([
	['auth/token/lookup-self', ['read']],
	['auth/token/renew-self', ['update']],
	['auth/token/revoke-self', ['update']],
	['sys/capabilities-self', ['update']],
	['sys/internal/ui/mounts/*', ['read']],
] satisfies [string, Capability[]][]);

/** True when the token's policies allow the request. `path` is the path inside `namespace`. */
export function isAllowed(
	state: VaultState,
	token: Token,
	namespace: Namespace,
	request: VaultRequest,
	path: string,
): boolean {
	if (token.policies.includes(ROOT_POLICY)) return true;
	return capabilitiesOn(state, token, namespace, path).has(capabilityFor(namespace, request, path));
}

/**
 * The capabilities of a token on a path of a namespace. Policies apply to the token's own namespace and those
 * below it.
 */
export function capabilitiesOn(
	state: VaultState,
	token: Token,
	namespace: Namespace,
	path: string,
): ReadonlySet<Capability> {
	const own = state.namespaces.get(token.namespace);
	if (own === undefined) return new Set();
	const policies = token.policies
		.map((name) => own.policies.get(name) ?? (name === 'default' ? DEFAULT_POLICY : undefined))
		.filter((policy) => policy !== undefined);
	// These paths work in every namespace, whatever namespace the token belongs to.
	if (/^auth\/token\/[a-z]+-self$/.test(path)) return allowed(policies, path);
	const full = namespace.path + path;
	return full.startsWith(own.path) ? allowed(policies, full.slice(own.path.length)) : new Set();
}

function capabilityFor(namespace: Namespace, request: VaultRequest, path: string): Capability {
	if (request.verb !== 'write') return request.verb;
	return isCreate(namespace, path) ? 'create' : 'update';
}
