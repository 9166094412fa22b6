import * as z from 'zod';
import { isKey, KEY_RULE } from '../../contract/keys.ts';
import { NAME_RULE, parseName, parseRole, ROLE_RULE } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { duration } from '../../contract/values.ts';
import { isDataKey, isReservedLabel, MAX_KEYS, MAX_LABELS, SECRET_TYPES, type SecretType } from './names.ts';
import type { ManagedSecret, ManagedSecretSpec } from './resource.ts';

/** The type that a spec without one has. */
const DEFAULT_TYPE: SecretType = 'Opaque';
const DEFAULT_INTERVAL = '1h';
/** Least milliseconds between two looks at Vault. */
const MIN_INTERVAL = 10_000;

const name = z.string().refine((text) => parseName(text).ok, `must be ${NAME_RULE}`);
const key = z.string().refine(isKey, `must be ${KEY_RULE}`);
const dataKey = z.string().refine(isDataKey, 'must be a key of a Secret: letters, digits, "-", "_" and "."');
const interval = z
	.string()
	.refine((text) => duration(MIN_INTERVAL)(text).ok, 'must be a duration of at least 10s, such as 1h or 30m');

const SPEC = z.object({
	deployment: name,
	service: name.optional(),
	org: name.optional(),
	keys: z
		.array(z.object({ source: key, name: dataKey.optional() }))
		.min(1)
		.max(MAX_KEYS)
		.optional(),
	prefix: z
		.object({
			source: key,
			name: z
				.string()
				.refine((text) => text === '' || isDataKey(text), 'must be empty or the beginning of a key')
				.optional(),
		})
		.optional(),
	target: z
		.object({
			name: name.optional(),
			type: z.enum(SECRET_TYPES).optional(),
			labels: z
				.record(z.string().max(317), z.string().max(63))
				.refine((labels) => Object.keys(labels).length <= MAX_LABELS, `must be at most ${MAX_LABELS}`)
				.refine(
					(labels) => !Object.keys(labels).some(isReservedLabel),
					'must not be of kubernetes.io, k8s.io, argocd.argoproj.io or envtier.dev',
				)
				.optional(),
		})
		.optional(),
	serviceAccountName: name,
	role: z
		.string()
		.refine((text) => parseRole(text).ok, `must be ${ROLE_RULE}`)
		.optional(),
	refreshInterval: interval.optional(),
	sync: z.boolean().optional(),
	deletionPolicy: z.enum(['Delete', 'Retain']).optional(),
});

const OBJECT = z.object({
	metadata: z.object({
		name: z.string(),
		namespace: z.string(),
		uid: z.string(),
		generation: z.number().optional(),
		deletionTimestamp: z.string().optional(),
	}),
	spec: z.unknown().optional(),
	status: z.unknown().optional(),
});

const STATUS = z.object({
	observedGeneration: z.number().optional(),
	secretName: z.string().optional(),
	secretVersion: z.string().optional(),
	keys: z.array(z.string()).optional(),
	lastSyncTime: z.string().optional(),
	syncedGeneration: z.number().optional(),
	conditions: z
		.array(
			z.object({
				type: z.string(),
				status: z.enum(['True', 'False', 'Unknown']),
				reason: z.string(),
				message: z.string(),
				observedGeneration: z.number().default(0),
				lastTransitionTime: z.string(),
			}),
		)
		.optional(),
});

/** Decodes an object of the API server; undefined if it has no metadata. Its schema is not relied on. */
export function managedSecretOf(object: unknown): ManagedSecret | undefined {
	const parsed = OBJECT.safeParse(object);
	if (!parsed.success) return undefined;
	const { metadata, spec, status } = parsed.data;
	const read = STATUS.safeParse(status ?? {});
	return {
		namespace: metadata.namespace,
		name: metadata.name,
		uid: metadata.uid,
		generation: metadata.generation ?? 0,
		deleted: metadata.deletionTimestamp !== undefined,
		spec: specOf(spec, metadata.name),
		// A status that somebody else wrote is as good as none.
		status: read.success ? read.data : {},
	};
}

function specOf(spec: unknown, objectName: string): Result<ManagedSecretSpec> {
	const parsed = SPEC.safeParse(spec);
	if (!parsed.success) {
		const [issue] = parsed.error.issues;
		const path = ['spec', ...(issue?.path ?? [])].map(String).join('.');
		return err(`${path}: ${issue?.message ?? 'is wrong'}`);
	}
	const { deployment, service, org, keys, prefix, target = {}, serviceAccountName, role } = parsed.data;
	if ((keys === undefined) === (prefix === undefined)) return err('spec: set either keys or prefix');
	const named = (keys ?? []).map((one) => ({ source: one.source, name: one.name ?? one.source }));
	if (new Set(named.map((one) => one.name)).size !== named.length)
		return err('spec.keys: two of them have the same name in the Secret');
	const { refreshInterval = DEFAULT_INTERVAL, sync = false, deletionPolicy = 'Delete' } = parsed.data;
	const span = duration(MIN_INTERVAL)(refreshInterval);
	if (!span.ok) return err(`spec.refreshInterval: must be ${span.error}`);
	return ok({
		...{ deployment, service, org, serviceAccountName, role, sync, deletionPolicy },
		selection: {
			keys: named,
			prefixes: prefix === undefined ? [] : [{ source: prefix.source, name: prefix.name ?? prefix.source }],
		},
		target: {
			name: target.name ?? objectName,
			type: target.type ?? DEFAULT_TYPE,
			labels: target.labels ?? {},
		},
		refreshInterval: span.value,
	});
}
