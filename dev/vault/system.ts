import { capabilitiesOn } from './access.ts';
import { findMount } from './mounts.ts';
import { done, envelope, forbidden, ok, type Reply, refuse, refuseOne } from './reply.ts';
import type { VaultRequest } from './request.ts';
import type { Namespace, VaultState } from './state.ts';
import { ROOT_POLICY, type Token } from './tokens.ts';

/** The version this server reports. It is not a Vault version. */
const VERSION = 'envtier-development';
const CLUSTER = 'envtier-development';

/** Answers the paths that need neither a token nor an unsealed server; undefined for any other path. */
export function answerWithoutToken(state: VaultState, request: VaultRequest): Reply | undefined {
	const { path, verb } = request;
	if (path === 'sys/health') return verb === 'read' ? health(state) : refuse(405);
	if (path === 'sys/seal-status') return verb === 'read' ? sealStatus(state) : refuse(405);
	if (path === 'sys/leader')
		return verb === 'read' ? { status: 200, body: { ha_enabled: false } } : refuse(405);
	if (path === 'sys/unseal') return verb === 'write' ? unseal(state, request) : refuse(405);
	return undefined;
}

/** Answers the other paths below `sys/`. The token has been authorized. */
export function answerSystem(
	state: VaultState,
	token: Token,
	namespace: Namespace,
	request: VaultRequest,
	path: string,
): Reply {
	if (path === 'sys/seal' && request.verb === 'write') {
		state.seal.sealed = true;
		return done;
	}
	if (path === 'sys/capabilities-self' && request.verb === 'write') {
		return capabilities(state, token, namespace, request);
	}
	const mount = /^sys\/internal\/ui\/mounts\/(.+)$/.exec(path)?.[1];
	if (mount !== undefined && request.verb === 'read') return mountView(namespace, mount);
	return refuseOne(404, 'unsupported path');
}

function health(state: VaultState): Reply {
	const { sealed } = state.seal;
	return {
		status: sealed ? 503 : 200,
		body: {
			initialized: true,
			sealed,
			standby: sealed,
			replication_performance_mode: sealed ? 'unknown' : 'disabled',
			replication_dr_mode: sealed ? 'unknown' : 'disabled',
			server_time_utc: Math.floor(state.now() / 1000),
			version: VERSION,
			...(sealed ? {} : { cluster_name: CLUSTER, cluster_id: CLUSTER }),
		},
	};
}

function sealStatus(state: VaultState): Reply {
	const { sealed } = state.seal;
	const body = {
		type: 'shamir',
		initialized: true,
		sealed,
		t: 1,
		n: 1,
		progress: 0,
		nonce: '',
		recovery_seal: false,
		version: VERSION,
		commit_date: '',
		migration: false,
		...(sealed ? {} : { cluster_name: CLUSTER, cluster_id: CLUSTER }),
		storage_type: 'inmem',
	};
	return { status: 200, body };
}

function unseal(state: VaultState, request: VaultRequest): Reply {
	const key = request.body['key'];
	if (typeof key !== 'string' || key === '') {
		return refuse(400, `'key' must be specified in request body as JSON, or 'reset' set to true`);
	}
	if (!/^[\da-f]+$/i.test(key)) return refuse(400, `'key' must be a valid hex or base64 string`);
	if (key !== state.seal.key) return refuse(400, 'unable to retrieve stored keys: invalid key');
	state.seal.sealed = false;
	return sealStatus(state);
}

function capabilities(state: VaultState, token: Token, namespace: Namespace, request: VaultRequest): Reply {
	const value = request.body['paths'] ?? request.body['path'];
	const paths = (Array.isArray(value) ? value : [value]).filter((path) => typeof path === 'string');
	if (paths.length === 0) return refuse(400, 'paths must be supplied');
	const byPath = Object.fromEntries(
		paths.map((path) => {
			if (token.policies.includes(ROOT_POLICY)) return [path, [ROOT_POLICY]];
			const names = [...capabilitiesOn(state, token, namespace, path)].sort();
			return [path, names.length === 0 ? ['deny'] : names];
		}),
	);
	const only = paths.length === 1 ? { capabilities: byPath[paths[0] ?? ''] } : {};
	const answer = ok({ ...only, ...byPath });
	return { ...answer, body: { ...answer.body, ...only, ...byPath } };
}

/** The KV version of a mount, which the `bao` and `vault` commands look up first. */
function mountView(namespace: Namespace, path: string): Reply {
	const target = findMount(namespace.engines, path);
	if (target === undefined) return forbidden;
	const options = { version: String(target.at.version) };
	return envelope({ data: { path: `${target.mount}/`, type: 'kv', description: '', options } });
}
