import type { Kv2Request } from './kv2-request.ts';
import { listFolder } from './list-folder.ts';
import { absent, done, ok, type Reply, unsupported } from './reply.ts';
import { metadataView } from './views.ts';

/** Answers requests to `metadata/`: lists, the metadata of all versions, and the deletion of a secret. */
export function answerMetadata({ secrets, path, request }: Kv2Request): Reply {
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
			return unsupported;
		default:
			return request.verb satisfies never;
	}
}
