import { answerData, readVersion } from './kv2-data.ts';
import { answerMetadata } from './kv2-metadata.ts';
import type { Kv2Request } from './kv2-request.ts';
import { readVersions } from './parameters.ts';
import { done, envelope, ok, type Reply, refuse, unsupported } from './reply.ts';
import type { VaultRequest } from './request.ts';
import { destroy, newSecret, type Secret, softDelete, undelete } from './versions.ts';
import { settingsView } from './views.ts';

/** Answers a request to a KV v2 engine. `path` is the part inside the mount, `data/orgs/acme/secrets/KEY`. */
export function answerKv2(
	secrets: Kv2Request['secrets'],
	path: string,
	request: VaultRequest,
	now: number,
): Reply {
	const [part = '', ...rest] = path.split('/');
	const kv2Request: Kv2Request = { secrets, path: rest.join('/'), request, now };
	if (part === 'config') return request.verb === 'read' ? ok(settingsView(newSecret(now))) : unsupported;
	const answer = HANDLERS.get(part);
	if (answer === undefined) return notVersioned(request);
	if (rest.length === 0) return atRoot();
	if (request.verb === 'write' && (kv2Request.path === '' || kv2Request.path.endsWith('/'))) {
		return refuse(400, `cannot write to a path ending in '/'`);
	}
	return answer(kv2Request);
}

/** True when a write to `path` creates a secret. All other writes are updates. */
export function isKv2Create(secrets: Kv2Request['secrets'], path: string): boolean {
	const [part, ...rest] = path.split('/');
	return (part === 'data' || part === 'metadata') && !secrets.has(rest.join('/'));
}

const HANDLERS: ReadonlyMap<string, (request: Kv2Request) => Reply> = new Map([
	['data', answerData],
	['metadata', answerMetadata],
	['subkeys', (sent) => (sent.request.verb === 'read' ? readVersion(sent, true) : unsupported)],
	[
		'delete',
		(sent) => changeVersions(sent, 'No', (secret, numbers) => softDelete(secret, numbers, sent.now)),
	],
	['undelete', (sent) => changeVersions(sent, 'No', undelete)],
	['destroy', (sent) => changeVersions(sent, 'no', destroy)],
]);

function changeVersions(
	{ secrets, path, request }: Kv2Request,
	no: 'No' | 'no',
	change: (secret: Secret, numbers: readonly number[]) => Secret,
): Reply {
	if (request.verb !== 'write') return unsupported;
	const numbers = readVersions(request.body['versions']);
	if (!numbers.ok) return refuse(400, `Field validation failed: ${numbers.error}`);
	if (numbers.value.length === 0) return refuse(400, `${no} version number provided`);
	const secret = secrets.get(path);
	if (secret !== undefined) secrets.set(path, change(secret, numbers.value));
	return done;
}

const COMMANDS = { read: 'get', list: 'list', write: 'put', patch: 'patch', delete: 'delete' } as const;

/** The response to a KV v1 client. */
function notVersioned(request: VaultRequest): Reply {
	const command = COMMANDS[request.verb];
	const warning = `Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the OpenBao CLI, use 'bao kv ${command}' for this operation.`;
	return envelope({ warnings: [warning] }, 404);
}

function atRoot(): Reply {
	const warning = 'Non-listing operations on the root of a K/V v2 mount are not supported.';
	return envelope({ warnings: [warning] }, 404);
}
