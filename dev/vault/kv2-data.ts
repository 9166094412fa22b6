import type { Kv2Request } from './kv2-request.ts';
import { mergePatch } from './merge-patch.ts';
import { readCas } from './parameters.ts';
import { absent, done, envelope, ok, type Reply, refuse, unsupported } from './reply.ts';
import { isObject } from './request.ts';
import { addVersion, casFault, isGone, newSecret, type Secret, softDelete } from './versions.ts';
import { subkeysView, versionView } from './views.ts';

/** Answers requests to `data/`: the versions of a secret. */
export function answerData(ask: Kv2Request): Reply {
	const { secrets, path, request, now } = ask;
	const secret = secrets.get(path);
	switch (request.verb) {
		case 'read':
			return readVersion(ask, false);
		case 'write':
			return writeVersion(ask, secret ?? newSecret(now), request.body['data']);
		case 'patch':
			return patchVersion(ask, secret);
		case 'delete':
			if (secret !== undefined) secrets.set(path, softDelete(secret, [secret.current], now));
			return done;
		default:
			return unsupported;
	}
}

/**
 * Answers a read of one version: the one in `?version=`, by default the current one. With `namesOnly` the
 * values are left out.
 */
export function readVersion({ secrets, path, request, now }: Kv2Request, namesOnly: boolean): Reply {
	const secret = secrets.get(path);
	const versionText = request.query.get('version') || '0';
	if (!/^-?\d+$/.test(versionText)) {
		return refuse(400, 'Field validation failed: error converting input for field "version": not a number');
	}
	const number = Number(versionText) > 0 ? Number(versionText) : secret?.current;
	const version = number === undefined ? undefined : secret?.versions.get(number);
	if (secret === undefined || number === undefined || version === undefined) return absent;
	const gone = isGone(version, now);
	const metadata = versionView(secret, number, version);
	const data = namesOnly
		? { subkeys: gone ? null : subkeysView(version.data), metadata }
		: { data: gone ? null : version.data, metadata };
	return envelope({ data }, gone ? 404 : 200);
}

function writeVersion(ask: Kv2Request, secret: Secret, data: unknown): Reply {
	if (data === undefined) return refuse(400, 'no data provided');
	if (data !== null && !isObject(data)) {
		return refuse(400, 'error converting input for field "data": expected an object');
	}
	const cas = readCas(ask.request.body);
	if (!cas.ok) return refuse(400, cas.error);
	const added = addVersion(secret, data ?? {}, cas.value, ask.now);
	if (!added.ok) return refuse(400, added.error);
	ask.secrets.set(ask.path, added.value);
	const version = added.value.versions.get(added.value.current);
	return version === undefined ? absent : ok(versionView(added.value, added.value.current, version));
}

function patchVersion(ask: Kv2Request, secret: Secret | undefined): Reply {
	const patch = ask.request.body['data'];
	if (patch === undefined) return refuse(400, 'no data provided');
	if (secret === undefined) return { status: 404 };
	const cas = readCas(ask.request.body);
	if (!cas.ok) return refuse(400, cas.error);
	const fault = casFault(secret, cas.value);
	if (fault !== undefined) return refuse(400, fault);
	const version = secret.versions.get(secret.current);
	if (version === undefined) return { status: 404 };
	if (isGone(version, ask.now)) return envelope({ data: versionView(secret, secret.current, version) }, 404);
	return writeVersion(ask, secret, isObject(patch) ? mergePatch(version.data, patch) : patch);
}
