import type { z } from 'zod';
import { ok, type Result } from '../../contract/result.ts';
import type { AuditNote } from '../../lib/audit/lines.ts';
import { writersOf } from '../audit/writers.ts';
import { PERSON_NEEDED, type Permission } from '../auth/permission.ts';
import { NO_SUCH_SECRET, type Problem, refuse } from '../problem.ts';
import { validationMessage } from '../schemas/common.ts';
import { Nothing, type SchemaName } from '../schemas/named.ts';
import { SecretId } from '../schemas/secrets.ts';
import {
	DeletionQuery,
	SecretDeletion,
	SecretDescription,
	SecretRestoration,
	VersionsQuery,
} from '../schemas/versions.ts';
import { describeSecret } from '../secrets/change-secret.ts';
import { type SecretDetail, secretDetail } from '../secrets/detail.ts';
import {
	folderOf,
	parseSecretId,
	type SecretLocation,
	type StampedSecretRef,
} from '../secrets/secret-location.ts';
import {
	deleteSecret,
	destroySecret,
	type ReadVersion,
	restoreSecret,
	undeleteSecret,
	versionsOf,
} from '../secrets/versions.ts';
import {
	type Call,
	type DocumentedResponse,
	type Operation,
	operation,
	operationOf,
	type Reply,
	reply,
} from '../server/operation.ts';
import type { Store } from '../store/store.ts';
import { checkNoSuccessor, forEachKey, wholeSecretOf } from '../typed/whole.ts';

/** What a call does with one secret. */
export type SecretAction = 'metadata' | 'update' | 'delete' | 'undelete' | 'restore' | 'destroy';

/** The parts of a call that finding its secret needs. */
type SecretCall = Pick<Call<unknown>, 'store' | 'caller' | 'note' | 'authorize' | 'accessMode'>;

/**
 * One of the two kinds of secrets: those of deployments, templates and users, or those of an organization.
 * Both have the same operations on one secret.
 */
export interface SecretKind {
	readonly path: string;
	/** Prefix of the ids of the operations. */
	readonly id: string;
	/** The end of the summaries: whose secret. */
	readonly whose: string;
	permission(verb: Permission['verb']): Permission;
	/** Checks that the caller may do `action` on a secret. Notes the secret for the audit first. */
	authorize(call: SecretCall, action: SecretAction, ref: StampedSecretRef): Promise<Result<void, Problem>>;
	/** The fields of an answer that say where a secret is. */
	encodeLocation(location: SecretLocation): object;
	readonly detailSchema: SchemaName;
	readonly forbidden: DocumentedResponse | undefined;
	readonly absent: DocumentedResponse;
}

/** The secret of an id, if the caller may do `action` on it. */
export async function findSecret(
	kind: SecretKind,
	call: SecretCall,
	action: SecretAction,
	id: string,
): Promise<Result<StampedSecretRef, Problem>> {
	const ref = parseSecretId(id);
	if (ref === undefined) return refuse(404, NO_SUCH_SECRET);
	const allowed = await kind.authorize(call, action, ref);
	if (!allowed.ok) return allowed;
	return action === 'destroy' && call.caller.kind === 'api-key' ? refuse(403, PERSON_NEEDED) : ok(ref);
}

/** The operation of the Reveal program on one secret. */
export function restoreOperations(kind: SecretKind): readonly Operation[] {
	return [restore(kind)];
}

/** The operations on one secret that both kinds have. Literal paths come before `{name}`. */
export function oneSecretOperations(kind: SecretKind): readonly Operation[] {
	return [removeOf(kind), versionsOperation(kind), undelete(kind), restore(kind), get(kind), describe(kind)];
}

const responsesOf = ({ forbidden, absent }: SecretKind) => ({
	...(forbidden === undefined ? {} : { 403: forbidden }),
	404: absent,
});

const UNFINISHED = { description: 'another call is creating the secret', schema: 'Problem' } as const;

/** The id in a path. A longer text is no id. */
const pathId = (name: string): string => (name.length <= 4096 ? name : '');

function parse<S extends z.ZodType>(schema: S, raw: unknown): Result<z.output<S>, Problem> {
	const parsed = schema.safeParse(raw, { reportInput: true });
	return parsed.success ? ok(parsed.data) : refuse(400, validationMessage(parsed.error));
}

/** Reads the input of a deletion: the body, and whether the query says that it destroys. */
function readDeletion(
	raw: unknown,
): Result<{ id: string; confirm: string | undefined; destroy: boolean }, Problem> {
	const { query, body } = raw as { readonly query: unknown; readonly body: unknown };
	const checkedQuery = parse(DeletionQuery, query);
	if (!checkedQuery.ok) return checkedQuery;
	const destroy = checkedQuery.value.destroy === 'true';
	const checked = parse(destroy ? SecretDeletion : SecretId, body);
	if (!checked.ok) return checked;
	const { id, confirm } = checked.value as z.output<typeof SecretDeletion>;
	return ok({ id, confirm, destroy });
}

function removeOf(kind: SecretKind): Operation {
	return operationOf(
		{
			method: 'delete',
			path: kind.path,
			id: `${kind.id}.delete`,
			summary: `Delete a secret ${kind.whose}; undelete restores it. With destroy=true: destroy all its versions for good`,
			permission: kind.permission('delete'),
			body: 'SecretDeletion',
			query: 'DeletionQuery',
			responses: {
				200: { description: 'deleted', schema: 'DeletedSecret' },
				...responsesOf(kind),
				409: UNFINISHED,
			},
		},
		readDeletion,
		async (call) => {
			const { store, auditStamp, input } = call;
			const ref = await findSecret(kind, call, input.destroy ? 'destroy' : 'delete', input.id);
			if (!ref.ok) return ref;
			const keys = await wholeSecretOf(store, ref.value);
			if (!keys.ok) return keys;
			call.note(...notesOf(keys.value));
			if (input.destroy) return await destroyKeys(kind, call, ref.value, keys.value);
			// The last ones first: a server without its key fails at once, and not later with a wrong one.
			const deleted = await forEachKey(keys.value.toReversed(), (key) =>
				deleteSecret(store, key, auditStamp),
			);
			return deleted.ok ? reply(200, { status: 'deleted' }) : deleted;
		},
	);
}

async function destroyKeys(
	kind: SecretKind,
	{ store, auditStamp, input, step, requireAudit }: Call<{ readonly confirm: string | undefined }>,
	{ key: named }: StampedSecretRef,
	keys: readonly StampedSecretRef[],
): Promise<Result<Reply, Problem>> {
	if (input.confirm !== named)
		return refuse(400, 'confirm must be the key of the secret: a destroyed value cannot be restored');
	const recorded = await requireAudit();
	if (!recorded.ok) return recorded;
	const destroyed = await forEachKey(keys.toReversed(), (key) =>
		step(
			`${kind.id}.destroy`,
			{ scope: folderOf(key.location), key: key.key },
			() => destroySecret(store, key, auditStamp),
			(result) => (result.ok ? 200 : result.error.status),
		),
	);
	return destroyed.ok ? reply(200, { status: 'destroyed' }) : destroyed;
}

function versionsOperation(kind: SecretKind): Operation {
	return operation(
		{
			method: 'get',
			path: `${kind.path}/versions`,
			id: `${kind.id}.versions`,
			summary: `List the versions of a secret ${kind.whose}, also of a deleted one`,
			permission: kind.permission('get'),
			query: 'VersionsQuery',
			responses: {
				200: { description: 'the versions, oldest first', schema: 'SecretVersions' },
				...responsesOf(kind),
			},
		},
		VersionsQuery,
		async (call) => {
			const ref = await findSecret(kind, call, 'metadata', call.input.id);
			if (!ref.ok) return ref;
			const versions = await versionsOf(call.store, ref.value);
			if (!versions.ok) return versions;
			const { location, key } = ref.value;
			const secret = { scope: folderOf(location), key };
			const writers = await writersOf(call.auditStore, secret, versions.value);
			return reply(
				200,
				versions.value.map(({ number, createdAt, deletedAt, destroyed, current, by }) => ({
					version: number,
					createdAt: createdAt.toISOString(),
					deletedAt: deletedAt?.toISOString() ?? '',
					...{ destroyed, current, by: writers.get(number) ?? by },
				})),
			);
		},
	);
}

function undelete(kind: SecretKind): Operation {
	return operation(
		{
			method: 'post',
			path: `${kind.path}/undelete`,
			id: `${kind.id}.undelete`,
			summary: `Restore a deleted secret ${kind.whose} with its last value`,
			permission: kind.permission('update'),
			body: 'SecretId',
			responses: {
				200: { description: 'restored', schema: 'UndeletedSecret' },
				...responsesOf(kind),
				409: { description: 'it is not deleted, or destroyed, or created again', schema: 'Problem' },
			},
		},
		SecretId,
		async (call) => {
			const ref = await findSecret(kind, call, 'undelete', call.input.id);
			if (!ref.ok) return ref;
			const keys = await wholeSecretOf(call.store, ref.value);
			if (!keys.ok) return keys;
			call.note(...notesOf(keys.value));
			const alone = await checkNoSuccessor(call.store, ref.value);
			if (!alone.ok) return alone;
			const undeleted = await forEachKey(keys.value, (key) =>
				undeleteSecret(call.store, key, call.auditStamp),
			);
			return undeleted.ok ? reply(200, { status: 'undeleted' }) : undeleted;
		},
	);
}

const NO_REVEAL =
	'restoring an old version reads its value, and this program cannot read values: send the call to the Reveal program (ENVTIER_API_MODE=reveal), if your operator has installed it';

const ONE_OF_MANY =
	'this key belongs to a typed secret with several keys, which changes only as a whole: an old value of one of them would not fit the others';

/** All keys of a secret, for the audit. */
function notesOf(keys: readonly StampedSecretRef[]): readonly AuditNote[] {
	return keys.map(({ location, key }) => ({ scope: folderOf(location), key }));
}

/** How one restoration reads the old value and writes the new version. */
interface Restoration {
	readonly store: Store;
	readonly read: ReadVersion;
	readonly end: () => Promise<void>;
}

/** In the Reveal program one login reads and writes, and its token can do nothing else. */
async function openRestoration(
	{ store, reveal, readVersion, caller, requestId, wrote }: Call<unknown>,
	version: number,
): Promise<Restoration> {
	if (reveal === undefined) {
		if (readVersion === undefined) throw new Error('no program to read values with');
		return { store, read: readVersion, end: async () => undefined };
	}
	const login = await reveal.logIn('restore');
	const reason = `restore version ${version}`;
	const reading = { actor: caller.subject, reason, elevation: '', requestId };
	return {
		store: {
			...store,
			update: async (path, fields, expected) => {
				const outcome = await login.update(path, fields, expected);
				if (outcome === 'written') wrote(path, expected + 1);
				return outcome;
			},
		},
		read: async (path, number) => (await login.read(path, number, reading))?.fields,
		end: login.end,
	};
}

/** Restores, if the caller still may after the login: a demotion that was answered holds. */
async function restoreVersion(
	kind: SecretKind,
	call: Call<z.output<typeof SecretRestoration>>,
	ref: StampedSecretRef,
): Promise<Result<Reply, Problem>> {
	const { auditStamp, overwritesPerHour, input } = call;
	const { id, version, expected } = input;
	const { store, read, end } = await openRestoration(call, version);
	try {
		const still = await findSecret(kind, { ...call, note: () => undefined }, 'restore', id);
		if (!still.ok) return still;
		const wanted = { version, expected };
		const restored = await restoreSecret(store, read, ref, wanted, auditStamp, { overwritesPerHour });
		return restored.ok ? reply(200, { status: 'restored', ...restored.value }) : restored;
	} finally {
		await end();
	}
}

function restore(kind: SecretKind): Operation {
	return operation(
		{
			method: 'post',
			path: `${kind.path}/restore`,
			id: `${kind.id}.restore`,
			summary: `Write the value of an old version of a secret ${kind.whose} as a new version; only the Reveal program does it`,
			permission: kind.permission('update'),
			body: 'SecretRestoration',
			responses: {
				200: { description: 'restored', schema: 'RestoredSecret' },
				...responsesOf(kind),
				409: { description: 'that version is gone, or the secret was changed meanwhile', schema: 'Problem' },
			},
		},
		SecretRestoration,
		async (call) => {
			const ref = await findSecret(kind, call, 'restore', call.input.id);
			if (!ref.ok) return ref;
			if (call.readVersion === undefined && call.reveal === undefined) return refuse(503, NO_REVEAL);
			const keys = await wholeSecretOf(call.store, ref.value);
			if (!keys.ok) return keys;
			if (keys.value.length > 1) return refuse(409, ONE_OF_MANY);
			const recorded = await call.requireAudit();
			if (!recorded.ok) return recorded;
			return await restoreVersion(kind, call, ref.value);
		},
	);
}

function get(kind: SecretKind): Operation {
	return operation(
		{
			method: 'get',
			path: `${kind.path}/{name}`,
			id: `${kind.id}.get`,
			summary: `Show what is known about a secret ${kind.whose}, by its id; never its value`,
			permission: kind.permission('get'),
			responses: {
				200: { description: 'the metadata', schema: kind.detailSchema },
				...responsesOf(kind),
			},
		},
		Nothing,
		async (call) => {
			const ref = await findSecret(kind, call, 'metadata', pathId(call.name));
			if (!ref.ok) return ref;
			const detail = await secretDetail(call.store, ref.value);
			return detail.ok ? reply(200, encodeDetail(kind, ref.value, detail.value)) : detail;
		},
	);
}

function encodeDetail(kind: SecretKind, { location, key }: StampedSecretRef, detail: SecretDetail): object {
	return { key, ...kind.encodeLocation(location), ...detail };
}

function describe(kind: SecretKind): Operation {
	return operation(
		{
			method: 'put',
			path: `${kind.path}/{name}`,
			id: `${kind.id}.describe`,
			summary: `Change description and tags of a secret ${kind.whose}, by its id, and not its value`,
			permission: kind.permission('update'),
			body: 'SecretDescription',
			responses: {
				200: { description: 'updated', schema: 'Updated' },
				...responsesOf(kind),
				409: UNFINISHED,
			},
		},
		SecretDescription,
		async (call) => {
			const ref = await findSecret(kind, call, 'update', pathId(call.name));
			if (!ref.ok) return ref;
			const keys = await wholeSecretOf(call.store, ref.value);
			if (!keys.ok) return keys;
			call.note(...notesOf(keys.value));
			const described = await forEachKey(keys.value, (key) =>
				describeSecret(call.store, key, call.input, call.auditStamp),
			);
			return described.ok ? reply(200, { status: 'updated' }) : described;
		},
	);
}
