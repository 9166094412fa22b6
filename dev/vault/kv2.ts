import { readVersions } from './fields.ts';
import type { Ask } from './kv2-ask.ts';
import { answerData, readVersion } from './kv2-data.ts';
import { answerMetadata } from './kv2-metadata.ts';
import { done, envelope, ok, type Reply, refuse, unsupported } from './reply.ts';
import type { VaultRequest } from './request.ts';
import { destroy, newSecret, type Secret, softDelete, undelete } from './versions.ts';
import { settingsView } from './views.ts';

/** Answers a request to a KV v2 engine. `path` is the part inside the mount, `data/orgs/acme/secrets/KEY`. */
export function answerKv2(secrets: Ask['secrets'], path: string, request: VaultRequest, now: number): Reply {
	const [part = '', ...rest] = path.split('/');
	const ask: Ask = { secrets, path: rest.join('/'), request, now };
	if (part === 'config') return request.verb === 'read' ? ok(settingsView(newSecret(now))) : unsupported;
	const answer = PARTS.get(part);
	if (answer === undefined) return notVersioned(request);
	if (rest.length === 0) return atRoot();
	if (request.verb === 'write' && (ask.path === '' || ask.path.endsWith('/'))) {
		return refuse(400, `cannot write to a path ending in '/'`);
	}
	return answer(ask);
}

/** Which requests are creates: writes of data or metadata where there is no secret yet. All other writes are updates. */
export function isKv2Create(secrets: Ask['secrets'], path: string): boolean {
	const [part, ...rest] = path.split('/');
	return (part === 'data' || part === 'metadata') && !secrets.has(rest.join('/'));
}

const PARTS: ReadonlyMap<string, (ask: Ask) => Reply> = new Map([
	['data', answerData],
	['metadata', answerMetadata],
	['subkeys', (ask) => (ask.request.verb === 'read' ? readVersion(ask, true) : unsupported)],
	['delete', (ask) => changeVersions(ask, 'No', (secret, numbers) => softDelete(secret, numbers, ask.now))],
	['undelete', (ask) => changeVersions(ask, 'No', undelete)],
	['destroy', (ask) => changeVersions(ask, 'no', destroy)],
]);

function changeVersions(
	{ secrets, path, request }: Ask,
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

/** What a client that takes the engine for version 1 gets. */
function notVersioned(request: VaultRequest): Reply {
	const command = COMMANDS[request.verb];
	const warning = `Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the OpenBao CLI, use 'bao kv ${command}' for this operation.`;
	return envelope({ warnings: [warning] }, 404);
}

function atRoot(): Reply {
	const warning = 'Non-listing operations on the root of a K/V v2 mount are not supported.';
	return envelope({ warnings: [warning] }, 404);
}
