import { listFolder } from './list-folder.ts';
import { absent, done, envelope, type Reply, refuse, unsupported } from './reply.ts';
import type { VaultRequest } from './request.ts';
import type { SecretData } from './secret-data.ts';

/** The lease duration that OpenBao reports for a KV v1 secret. Nothing expires. */
const LEASE_SECONDS = 2_764_800;

/** Answers a request to a KV v1 engine. `path` is the part inside the mount. */
export function answerKv1(secrets: Map<string, SecretData>, path: string, request: VaultRequest): Reply {
	switch (request.verb) {
		case 'read': {
			const fields = secrets.get(path);
			return fields === undefined ? absent : envelope({ lease_duration: LEASE_SECONDS, data: fields });
		}
		case 'list':
			return listFolder(secrets.keys(), path);
		case 'write': {
			if (Object.keys(request.body).length === 0) return refuse(400, 'missing data fields');
			if (path === '' || path.endsWith('/')) return refuse(400, `cannot write to a path ending in '/'`);
			secrets.set(path, request.body);
			return done;
		}
		case 'delete':
			secrets.delete(path);
			return done;
		case 'patch':
			return unsupported;
		default:
			return request.verb satisfies never;
	}
}
