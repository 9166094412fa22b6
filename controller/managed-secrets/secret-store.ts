import { err, ok, type Result } from '../../contract/result.ts';
import { object, objects, text } from '../../lib/json.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import type { ApiFailure } from '../../lib/kubernetes/failure.ts';
import { type LiveSecret, liveSecretOf } from './live-secret.ts';
import type { SyncFailure } from './outcome.ts';
import { withdrawn } from './secret.ts';

/** A write of a Secret. */
export interface SecretWrite {
	readonly kind: 'create' | 'update';
	/** The configuration for a server-side apply. */
	readonly body: object;
}

/** The Secrets of the cluster. */
export interface SecretStore {
	/** Undefined: there is none. */
	get(namespace: string, name: string): Promise<Result<LiveSecret | undefined, SyncFailure>>;
	/**
	 * Writes a Secret by one server-side apply; gives its resource version. What the API server says is not
	 * passed on if it holds one of the values.
	 */
	apply(
		namespace: string,
		name: string,
		write: SecretWrite,
		values: ReadonlyMap<string, string>,
	): Promise<Result<string, SyncFailure>>;
}

const APPLY = 'application/apply-patch+yaml';

function pathOf(namespace: string, name: string, query = ''): string {
	return `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}${query}`;
}

/** Opens the store. Nothing is written while this replica does not lead. */
export function openSecretStore(
	client: KubernetesClient,
	fieldManager: string,
	isLeader: () => boolean,
): SecretStore {
	const send = (namespace: string, name: string, body: object, force: boolean) =>
		client.request({
			method: 'PATCH',
			path: pathOf(namespace, name, `?${new URLSearchParams({ fieldManager, force: String(force) })}`),
			body,
			contentType: APPLY,
		});
	return {
		get: async (namespace, name) => {
			const answer = await client.call<unknown>({ method: 'GET', path: pathOf(namespace, name) });
			if (answer.ok) return ok(liveSecretOf(answer.value));
			return answer.error.status === 404 ? ok(undefined) : err(failureOf(answer.error, namespace));
		},
		apply: async (namespace, name, { kind, body }, values) => {
			if (!isLeader()) return err({ reason: 'Conflict', message: 'this replica does not lead' });
			// A new Secret is applied without force: it takes no value from one that came into being meanwhile.
			const answer = await send(namespace, name, body, kind === 'update');
			if (!answer.ok) return err(failureOf(answer.error, namespace));
			const { status, body: answered } = answer.value;
			// The admission policy refuses that; this is for a cluster where somebody has removed it.
			if (status === 200 && kind === 'create' && isMadeByOthers(answered, fieldManager)) {
				await send(namespace, name, withdrawn(name, namespace), false);
				return err(conflict());
			}
			if (status === 200 || status === 201)
				return ok(text(object(object(answered)?.['metadata'])?.['resourceVersion']) ?? '');
			if (status === 409) return err(conflict());
			return err(failureOf(refusalOf(status, answered, values), namespace));
		},
	};
}

/** Whether another field manager has set the type, as whoever creates a Secret does. */
function isMadeByOthers(secret: unknown, fieldManager: string): boolean {
	const entries = objects(object(object(secret)?.['metadata'])?.['managedFields']);
	return entries.some(
		({ manager, fieldsV1 }) => manager !== fieldManager && object(fieldsV1)?.['f:type'] !== undefined,
	);
}

function conflict(): SyncFailure {
	return { reason: 'Conflict', message: 'somebody else changed the Secret at the same time' };
}

/** What the API server says. A plug-in of it might quote what it refuses. */
function refusalOf(status: number, body: unknown, values: ReadonlyMap<string, string>): ApiFailure {
	const said = text(object(body)?.['message']) ?? '';
	const hidden = [...values.values()].some(
		(value) => value !== '' && (said.includes(value) || said.includes(Buffer.from(value).toString('base64'))),
	);
	const detail = hidden ? ' (its message is not shown: it holds a value)' : `: ${said.slice(0, LONGEST)}`;
	return { status, reason: '', message: `answers ${status}${said === '' ? '' : detail}` };
}

const LONGEST = 400;

function failureOf({ status, message }: ApiFailure, namespace: string): SyncFailure {
	if (status === 403)
		return {
			reason: 'NotOptedIn',
			message: `the controller may not do that in the namespace ${namespace}: the API server ${message}. deploy/vault/setup.sh managed-secrets prints the rights that it needs`,
		};
	if (status === 422 || status === 400)
		return { reason: 'SecretRefused', message: `the API server ${message}` };
	return { reason: 'ClusterUnavailable', message: `the API server ${message}` };
}
