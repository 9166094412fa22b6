import { allowed, type Capability, type Policy } from './acl.ts';
import type { House, Namespace } from './house.ts';
import { isCreate } from './mounts.ts';
import type { VaultRequest } from './request.ts';
import { ROOT_POLICY, type Token } from './tokens.ts';

/** What every token may do: look after itself. Vault has it as the policy `default`. */
const DEFAULT_POLICY: Policy = new Map([
	['auth/token/lookup-self', ['read']],
	['auth/token/renew-self', ['update']],
	['auth/token/revoke-self', ['update']],
	['sys/capabilities-self', ['update']],
	['sys/internal/ui/mounts/*', ['read']],
] satisfies [string, Capability[]][]);

/** True when the token's policies allow the request. `path` is the path inside `space`. */
export function isAllowed(
	house: House,
	token: Token,
	space: Namespace,
	request: VaultRequest,
	path: string,
): boolean {
	if (token.policies.includes(ROOT_POLICY)) return true;
	return capabilitiesOn(house, token, space, path).has(capabilityFor(space, request, path));
}

/** What a token may do on a path of a namespace: its own policies count, and only for its own namespace and those below. */
export function capabilitiesOn(
	house: House,
	token: Token,
	space: Namespace,
	path: string,
): ReadonlySet<Capability> {
	const own = house.namespaces.get(token.namespace);
	if (own === undefined) return new Set();
	const policies = token.policies
		.map((name) => own.policies.get(name) ?? (name === 'default' ? DEFAULT_POLICY : undefined))
		.filter((policy) => policy !== undefined);
	// A token looks after itself from whichever namespace it is asked.
	if (/^auth\/token\/[a-z]+-self$/.test(path)) return allowed(policies, path);
	const full = space.path + path;
	return full.startsWith(own.path) ? allowed(policies, full.slice(own.path.length)) : new Set();
}

function capabilityFor(space: Namespace, request: VaultRequest, path: string): Capability {
	if (request.verb !== 'write') return request.verb;
	return isCreate(space, path) ? 'create' : 'update';
}
