import { posix } from 'node:path';
import { err, ok, type Result } from '../../contract/result.ts';
import { type Reply, refuse } from './reply.ts';

/** The operation on a path. A write is a create or an update; only the engine knows which. */
type Verb = 'read' | 'list' | 'write' | 'patch' | 'delete';

/** A decoded request. */
export interface VaultRequest {
	readonly verb: Verb;
	/** After `/v1/`, percent-decoded; a list request always ends in "/". */
	readonly path: string;
	readonly query: URLSearchParams;
	/** The `X-Vault-Namespace` header without slashes at its ends; '' for the root. */
	readonly namespace: string;
	/** '' when there is none. */
	readonly token: string;
	readonly body: Readonly<Record<string, unknown>>;
}

/** An HTTP request before it is decoded. */
export interface RawRequest {
	/** `LIST` included. */
	readonly method: string;
	/** The request target, unchanged. */
	readonly target: string;
	readonly header: (name: string) => string | undefined;
	readonly body: string;
}

const VERBS: ReadonlyMap<string, Verb> = new Map([
	['GET', 'read'],
	['LIST', 'list'],
	['POST', 'write'],
	['PUT', 'write'],
	['PATCH', 'patch'],
	['DELETE', 'delete'],
]);

const MERGE_PATCH = 'application/merge-patch+json';

/** Decodes an HTTP request. The error is the response to send. */
export function decode(raw: RawRequest): Result<VaultRequest, Reply> {
	const [rawPath = '', search = ''] = split(raw.target, '?');
	const cleanPath = posix.normalize(rawPath);
	if (cleanPath !== rawPath) return err({ status: 307, headers: { location: cleanPath } });
	const path = decodePath(rawPath);
	if (!path.ok) return path;
	const methodVerb = raw.method === 'HEAD' && path.value === 'sys/health' ? 'read' : VERBS.get(raw.method);
	if (methodVerb === undefined) return err(refuse(405));
	const query = new URLSearchParams(search);
	const verb = methodVerb === 'read' ? listOrRead(query) : ok(methodVerb);
	if (!verb.ok) return verb;
	const body = decodeBody(verb.value, raw);
	if (!body.ok) return body;
	return ok({
		verb: verb.value,
		path: verb.value === 'list' && !path.value.endsWith('/') ? `${path.value}/` : path.value,
		query,
		namespace: (raw.header('x-vault-namespace') ?? '').replace(/^\/+|\/+$/g, '').replace(/^root$/, ''),
		token: raw.header('x-vault-token') ?? bearer(raw.header('authorization')) ?? '',
		body: body.value,
	});
}

function decodePath(rawPath: string): Result<string, Reply> {
	if (!rawPath.startsWith('/v1/')) return err({ status: 404 });
	const path = decodePercent(rawPath.slice('/v1/'.length));
	// OpenBao refuses control characters in a path with an empty body.
	if (path === undefined || /\p{Cc}/u.test(path)) return err({ status: 400 });
	if (path.split('/').includes('..')) return err(refuse(400, 'relative paths not supported'));
	return ok(path);
}

function decodePercent(text: string): string | undefined {
	try {
		return decodeURIComponent(text);
	} catch {
		// A broken escape, or bytes that are not UTF-8.
		return undefined;
	}
}

/** `GET …?list=true` is a LIST for clients without custom methods. The value is a boolean in Go's syntax. */
function listOrRead(query: URLSearchParams): Result<Verb, Reply> {
	const list = query.get('list') ?? '';
	if (/^(1|t|true)$/i.test(list)) return ok('list');
	return /^(|0|f|false)$/i.test(list) ? ok('read') : err(refuse(400));
}

function decodeBody(verb: Verb, raw: RawRequest): Result<Readonly<Record<string, unknown>>, Reply> {
	if (verb !== 'write' && verb !== 'patch') return ok({});
	const type = (raw.header('content-type') ?? '').split(';')[0]?.trim();
	if (verb === 'patch' && type !== MERGE_PATCH) {
		return err(refuse(415, `PATCH requires Content-Type of ${MERGE_PATCH}, provided ${type}`));
	}
	if (raw.body.trim() === '') return ok({});
	try {
		const value: unknown = JSON.parse(raw.body);
		if (value === null) return ok({});
		if (isObject(value)) return ok(value);
	} catch {
		// The parser's message quotes the body, which may hold a secret.
	}
	return err(refuse(400, 'failed to decode JSON input: not a JSON object'));
}

/** True for a JSON object, as opposed to null, a list or a scalar. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bearer(authorization: string | undefined): string | undefined {
	return authorization?.startsWith('Bearer ') ? authorization.slice('Bearer '.length).trim() : undefined;
}

function split(text: string, at: string): [string, string] {
	const index = text.indexOf(at);
	return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)];
}
