import type { Kv2Request } from './kv2-request.ts';
import { readCas } from './parameters.ts';
import { absent, done, envelope, ok, type Reply, refuse, unsupported } from './reply.ts';
import { isObject } from './request.ts';
import { addVersion, isGone, newSecret, type Secret, softDelete } from './versions.ts';
import { versionView } from './views.ts';

/** Answers requests to `data/`: the versions of a secret. */
export function answerData(sent: Kv2Request): Reply {
	const { secrets, path, request, now } = sent;
	const secret = secrets.get(path);
	switch (request.verb) {
		case 'read':
			return readVersion(sent);
		case 'write':
			return writeVersion(sent, secret ?? newSecret(now), request.body['data']);
		case 'delete':
			if (secret !== undefined) secrets.set(path, softDelete(secret, [secret.current], now));
			return done;
		default:
			return unsupported;
	}
}

/** Answers a read of one version: the current one, or that of `?version=`. */
function readVersion({ secrets, path, request }: Kv2Request): Reply {
	const secret = secrets.get(path);
	const wanted = request.query.get('version') || '0';
	if (!/^-?\d+$/.test(wanted)) {
		return refuse(400, 'Field validation failed: error converting input for field "version": not a number');
	}
	const number = Number(wanted) > 0 ? Number(wanted) : secret?.current;
	const version = number === undefined ? undefined : secret?.versions.get(number);
	if (secret === undefined || number === undefined || version === undefined) return absent;
	const gone = isGone(version);
	const data = { data: gone ? null : version.data, metadata: versionView(number, version) };
	return envelope({ data }, gone ? 404 : 200);
}

function writeVersion(sent: Kv2Request, secret: Secret, data: unknown): Reply {
	if (data === undefined) return refuse(400, 'no data provided');
	if (data !== null && !isObject(data)) {
		return refuse(400, 'error converting input for field "data": expected an object');
	}
	const cas = readCas(sent.request.body);
	if (!cas.ok) return refuse(400, cas.error);
	const added = addVersion(secret, data ?? {}, cas.value, sent.now);
	if (!added.ok) return refuse(400, added.error);
	sent.secrets.set(sent.path, added.value);
	const version = added.value.versions.get(added.value.current);
	return version === undefined ? absent : ok(versionView(added.value.current, version));
}
