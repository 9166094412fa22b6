import { isAllowed } from './access.ts';
import { answerKv1 } from './kv1.ts';
import { answerKv2 } from './kv2.ts';
import { answerLogin } from './login.ts';
import { findMount, findNamespace } from './mounts.ts';
import { badToken, forbidden, type Reply, refuse, refuseOne } from './reply.ts';
import type { VaultRequest } from './request.ts';
import type { Namespace, VaultState } from './state.ts';
import { answerSystem, answerWithoutToken } from './system.ts';
import { answerTokenSelf } from './token-self.ts';
import { answerTransit } from './transit.ts';

/**
 * Answers a request: authenticates the token, checks its policies, and calls the handler of the path, which
 * may change the state.
 */
export function authorizeAndAnswer(state: VaultState, request: VaultRequest): Reply {
	const publicReply = answerWithoutToken(state, request);
	if (publicReply !== undefined) return publicReply;
	if (state.seal.sealed) return refuse(503, 'Vault is sealed');
	const target = findNamespace(state, request.namespace, request.path);
	if (target === undefined) return refuse(404, 'namespace not found');
	const { namespace, path } = target;
	const mount = loginMount(namespace, path);
	if (mount !== undefined) return answerLogin(state, namespace, mount, request);
	const token = state.tokens.find(request.token, state.now());
	if (token === undefined) return badToken;
	if (!isAllowed(state, token, namespace, request, path)) return forbidden;
	if (path.startsWith('sys/')) return answerSystem(state, token, namespace, request, path);
	return (
		answerTokenSelf(state, token, { ...request, path }) ??
		answerEngine(state, namespace, request, path) ??
		(path.startsWith('auth/') ? refuseOne(404, 'unsupported path') : noRoute(path))
	);
}

function loginMount(namespace: Namespace, path: string): string | undefined {
	const mount = /^auth\/(.+)\/login$/.exec(path)?.[1];
	return mount !== undefined && namespace.auth.has(mount) ? mount : undefined;
}

function answerEngine(
	state: VaultState,
	namespace: Namespace,
	request: VaultRequest,
	path: string,
): Reply | undefined {
	const transit = findMount(namespace.transit, path);
	if (transit !== undefined) return answerTransit(transit.at, transit.rest, request);
	const mount = findMount(namespace.engines, path);
	if (mount === undefined) return undefined;
	const { at, rest } = mount;
	return at.version === 1
		? answerKv1(at.secrets, rest, request)
		: answerKv2(at.secrets, rest, request, state.now());
}

function noRoute(path: string): Reply {
	return refuse(404, `no handler for route "${path}". route entry not found.`);
}
