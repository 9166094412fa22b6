import type { Kv2Request } from './kv2-request.ts';
import { listFolder } from './list-folder.ts';
import { mergePatch } from './merge-patch.ts';
import { readSettings } from './parameters.ts';
import { absent, done, ok, type Reply, refuse, refuseOne } from './reply.ts';
import { isObject, type VaultRequest } from './request.ts';
import { newSecret, type Secret, withSettings } from './versions.ts';
import { metadataView } from './views.ts';

/** Answers requests to `metadata/`: lists, and the metadata of a whole secret. */
export function answerMetadata({ secrets, path, request, now }: Kv2Request): Reply {
	const secret = secrets.get(path);
	switch (request.verb) {
		case 'list':
			return listFolder(secrets.keys(), path);
		case 'read':
			return secret === undefined ? absent : ok(metadataView(secret));
		case 'delete':
			secrets.delete(path);
			return done;
		case 'write':
		case 'patch': {
			const base = secret ?? newSecret(now);
			const patching = request.verb === 'patch';
			const settings = readSettings(patching ? withPatchedCustom(base, request.body) : request.body);
			if (!settings.ok) return refuseSettings(settings.error);
			if (Object.keys(settings.value).length === 0) return done;
			if (patching && secret === undefined) return { status: 404 };
			secrets.set(path, withSettings(base, settings.value, now));
			return done;
		}
		default:
			return request.verb satisfies never;
	}
}

function withPatchedCustom(secret: Secret, body: VaultRequest['body']): VaultRequest['body'] {
	const patch = body['custom_metadata'];
	return isObject(patch) ? { ...body, custom_metadata: mergePatch(secret.custom, patch) } : body;
}

function refuseSettings(error: string): Reply {
	return error.startsWith('custom_metadata') ? refuseOne(400, error) : refuse(400, error);
}
