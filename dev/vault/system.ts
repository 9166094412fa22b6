import { capabilitiesOn } from './access.ts';
import type { House, Namespace } from './house.ts';
import { findMount } from './mounts.ts';
import { done, envelope, forbidden, ok, type Reply, refuse, refuseOne } from './reply.ts';
import type { VaultRequest } from './request.ts';
import { ROOT_POLICY, type Token } from './tokens.ts';

/** What this server says it is: no version that anything may rely on. */
const VERSION = 'envtier-development';
const CLUSTER = 'envtier-development';

/** Answers what needs neither token nor an unsealed server; undefined when the path is another. */
export function answerOpen(house: House, request: VaultRequest): Reply | undefined {
	const { path, verb } = request;
	if (path === 'sys/health') return verb === 'read' ? health(house) : refuse(405);
	if (path === 'sys/seal-status') return verb === 'read' ? sealStatus(house) : refuse(405);
	if (path === 'sys/leader')
		return verb === 'read' ? { status: 200, body: { ha_enabled: false } } : refuse(405);
	if (path === 'sys/unseal') return verb === 'write' ? unseal(house, request) : refuse(405);
	return undefined;
}

/** Answers the other paths below `sys/`, for a token that is allowed to ask. */
export function answerSystem(
	house: House,
	token: Token,
	space: Namespace,
	request: VaultRequest,
	path: string,
): Reply {
	if (path === 'sys/seal' && request.verb === 'write') {
		house.seal.sealed = true;
		return done;
	}
	if (path === 'sys/capabilities-self' && request.verb === 'write') {
		return capabilities(house, token, space, request);
	}
	const mount = /^sys\/internal\/ui\/mounts\/(.+)$/.exec(path)?.[1];
	if (mount !== undefined && request.verb === 'read') return mountView(space, mount);
	return refuseOne(404, 'unsupported path');
}

function health(house: House): Reply {
	const { sealed } = house.seal;
	return {
		status: sealed ? 503 : 200,
		body: {
			initialized: true,
			sealed,
			standby: sealed,
			replication_performance_mode: sealed ? 'unknown' : 'disabled',
			replication_dr_mode: sealed ? 'unknown' : 'disabled',
			server_time_utc: Math.floor(house.now() / 1000),
			version: VERSION,
			...(sealed ? {} : { cluster_name: CLUSTER, cluster_id: CLUSTER }),
		},
	};
}

function sealStatus(house: House): Reply {
	const { sealed } = house.seal;
	const body = {
		...{ type: 'shamir', initialized: true, sealed, t: 1, n: 1, progress: 0, nonce: '' },
		...{ recovery_seal: false, version: VERSION, commit_date: '', migration: false },
		...(sealed ? {} : { cluster_name: CLUSTER, cluster_id: CLUSTER }),
		storage_type: 'inmem',
	};
	return { status: 200, body };
}

function unseal(house: House, request: VaultRequest): Reply {
	const key = request.body['key'];
	if (typeof key !== 'string' || key === '') {
		return refuse(400, `'key' must be specified in request body as JSON, or 'reset' set to true`);
	}
	if (!/^[\da-f]+$/i.test(key)) return refuse(400, `'key' must be a valid hex or base64 string`);
	if (key !== house.seal.key) return refuse(400, 'unable to retrieve stored keys: invalid key');
	house.seal.sealed = false;
	return sealStatus(house);
}

function capabilities(house: House, token: Token, space: Namespace, request: VaultRequest): Reply {
	const asked = request.body['paths'] ?? request.body['path'];
	const paths = (Array.isArray(asked) ? asked : [asked]).filter((path) => typeof path === 'string');
	if (paths.length === 0) return refuse(400, 'paths must be supplied');
	const found = Object.fromEntries(
		paths.map((path) => {
			if (token.policies.includes(ROOT_POLICY)) return [path, [ROOT_POLICY]];
			const names = [...capabilitiesOn(house, token, space, path)].sort();
			return [path, names.length === 0 ? ['deny'] : names];
		}),
	);
	const only = paths.length === 1 ? { capabilities: found[paths[0] ?? ''] } : {};
	const answer = ok({ ...only, ...found });
	return { ...answer, body: { ...answer.body, ...only, ...found } };
}

/** Tells the `bao` and `vault` commands which version of KV a mount is. */
function mountView(space: Namespace, path: string): Reply {
	const found = findMount(space.engines, path);
	if (found === undefined) return forbidden;
	const options = { version: String(found.at.version) };
	return envelope({ data: { path: `${found.mount}/`, type: 'kv', description: '', options } });
}
