import { isAllowed } from './access.ts';
import type { House, Namespace } from './house.ts';
import { answerKv1 } from './kv1.ts';
import { answerKv2 } from './kv2.ts';
import { answerLogin } from './login.ts';
import { findMount, findNamespace } from './mounts.ts';
import { badToken, forbidden, type Reply, refuse, refuseOne } from './reply.ts';
import type { VaultRequest } from './request.ts';
import { answerSelf } from './self.ts';
import { answerOpen, answerSystem } from './system.ts';
import { answerTransit } from './transit.ts';

/** Answers a request: who asks, may they, and what does the path's keeper say. Changes the house where the request asks for it. */
export function decide(house: House, request: VaultRequest): Reply {
	const open = answerOpen(house, request);
	if (open !== undefined) return open;
	if (house.seal.sealed) return refuse(503, 'Vault is sealed');
	const found = findNamespace(house, request.namespace, request.path);
	if (found === undefined) return refuse(404, 'namespace not found');
	const { space, path } = found;
	const mount = loginMount(space, path);
	if (mount !== undefined) return answerLogin(house, space, mount, request);
	const token = house.tokens.find(request.token, house.now());
	if (token === undefined) return badToken;
	if (!isAllowed(house, token, space, request, path)) return forbidden;
	if (path.startsWith('sys/')) return answerSystem(house, token, space, request, path);
	return (
		answerSelf(house, token, { ...request, path }) ??
		answerEngine(house, space, request, path) ??
		(path.startsWith('auth/') ? refuseOne(404, 'unsupported path') : noRoute(path))
	);
}

function loginMount(space: Namespace, path: string): string | undefined {
	const mount = /^auth\/(.+)\/login$/.exec(path)?.[1];
	return mount !== undefined && space.auth.has(mount) ? mount : undefined;
}

function answerEngine(
	house: House,
	space: Namespace,
	request: VaultRequest,
	path: string,
): Reply | undefined {
	const transit = findMount(space.transit, path);
	if (transit !== undefined) return answerTransit(transit.at, transit.rest, request);
	const found = findMount(space.engines, path);
	if (found === undefined) return undefined;
	const { at, rest } = found;
	return at.version === 1
		? answerKv1(at.secrets, rest, request)
		: answerKv2(at.secrets, rest, request, house.now());
}

function noRoute(path: string): Reply {
	return refuse(404, `no handler for route "${path}". route entry not found.`);
}
