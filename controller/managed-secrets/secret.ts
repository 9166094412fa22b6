import { enumerate } from '../../fetcher/text.ts';
import { isOwner, type LiveSecret, ownKeys } from './live-secret.ts';
import {
	ADOPT_ANNOTATION,
	API_VERSION,
	KEYS_ANNOTATION,
	KIND,
	LABELS_ANNOTATION,
	MANAGED_LABEL,
	ORIGIN_ANNOTATION,
	OWNER_ANNOTATION,
} from './names.ts';
import { failed, type Outcome } from './outcome.ts';
import type { ManagedSecret, ManagedSecretSpec } from './resource.ts';

/** What a Secret is to be. */
export interface WantedSecret {
	readonly owner: Pick<ManagedSecret, 'namespace' | 'name' | 'uid'>;
	readonly target: ManagedSecretSpec['target'];
	readonly deletionPolicy: ManagedSecretSpec['deletionPolicy'];
	readonly values: ReadonlyMap<string, string>;
}

/** What to do with the Secret. */
export type SecretStep =
	| { readonly kind: 'unchanged'; readonly version: string; readonly adopted: boolean }
	| {
			readonly kind: 'create' | 'update';
			/** The configuration for a server-side apply. */
			readonly body: object;
			readonly adopted: boolean;
	  }
	| Extract<Outcome, { readonly kind: 'failed' }>;

/**
 * Decides what to do with the Secret. A Secret of somebody else is left alone unless its annotation says that
 * it may be taken over, and so are keys of somebody else in our own Secret.
 *
 * @param live undefined: there is none
 */
export function secretStep(live: LiveSecret | undefined, wanted: WantedSecret): SecretStep {
	const { owner, target } = wanted;
	if (live === undefined) return { kind: 'create', body: applied(wanted, undefined, false), adopted: false };
	const what = `the Secret ${target.name}`;
	const adopts = live.annotations[ADOPT_ANNOTATION] === owner.name;
	const owns = isOwner(live, owner.name);
	if (!owns && !adopts)
		return failed(
			'SecretNotOwned',
			`${what} exists and ${ownerText(live)}: choose another spec.target.name, or have it taken over with kubectl annotate secret ${target.name} -n ${owner.namespace} ${ADOPT_ANNOTATION}=${owner.name}`,
		);
	if (live.deleted) return failed('SecretNotOwned', `${what} is being deleted, and a finalizer holds it`);
	const again = `delete it, and it is created again: kubectl delete secret ${target.name} -n ${owner.namespace}`;
	if (live.type !== target.type)
		return failed(
			'TypeDiffers',
			`${what} has the type ${live.type}, which Kubernetes does not change to ${target.type}: ${again}`,
		);
	const adopted = owns ? live.annotations[ORIGIN_ANNOTATION] === 'adopted' : true;
	const taken = adopts ? [] : foreignKeys(live, wanted.values);
	if (taken.length > 0)
		return failed(
			'KeysTaken',
			`${what} has ${enumerate(taken)} from somebody else, with other values: remove them from it, give ours other names, or have it taken over with the annotation ${ADOPT_ANNOTATION}=${owner.name}`,
		);
	if (isSame(live, wanted, adopted)) return { kind: 'unchanged', version: live.version, adopted };
	if (live.immutable && !hasData(live, wanted.values))
		return failed('SecretImmutable', `${what} is immutable, and its values are not those in Vault: ${again}`);
	return { kind: 'update', body: applied(wanted, live, adopted), adopted };
}

function ownerText({ annotations, labels }: LiveSecret): string {
	const other = annotations[OWNER_ANNOTATION];
	return labels[MANAGED_LABEL] === 'true' && other !== undefined
		? `belongs to the ManagedSecret ${other}`
		: 'was not made by a ManagedSecret';
}

const base64 = (value: string): string => Buffer.from(value).toString('base64');

/** Keys with another value that the ManagedSecret has not written. */
function foreignKeys(live: LiveSecret, values: ReadonlyMap<string, string>): readonly string[] {
	const own = ownKeys(live);
	return [...values].flatMap(([key, value]) => {
		const found = live.data[key];
		return found !== undefined && !own.has(key) && found !== base64(value) ? [key] : [];
	});
}

/** Whether the Secret has these values, and no key of ours that is not wanted any more. */
function hasData(live: LiveSecret, values: ReadonlyMap<string, string>): boolean {
	return (
		[...values].every(([key, value]) => live.data[key] === base64(value)) &&
		[...ownKeys(live)].every((key) => values.has(key))
	);
}

/** Whether a further write would change nothing. */
function isSame(live: LiveSecret, wanted: WantedSecret, adopted: boolean): boolean {
	const { labels, annotations, owned } = marksOf(wanted, adopted);
	return (
		hasData(live, wanted.values) &&
		Object.entries(labels).every(([key, value]) => live.labels[key] === value) &&
		Object.entries(annotations).every(([key, value]) => live.annotations[key] === value) &&
		live.owners.includes(wanted.owner.uid) === owned
	);
}

/** What a ManagedSecret writes beside the values. */
function marksOf({ owner, target, deletionPolicy, values }: WantedSecret, adopted: boolean) {
	return {
		labels: { ...target.labels, [MANAGED_LABEL]: 'true' },
		annotations: {
			[OWNER_ANNOTATION]: owner.name,
			[ORIGIN_ANNOTATION]: adopted ? 'adopted' : 'created',
			[KEYS_ANNOTATION]: [...values.keys()].sort().join(','),
			[LABELS_ANNOTATION]: Object.keys(target.labels).sort().join(','),
		},
		// Kubernetes deletes the Secret with its owner. One that was there before is never deleted.
		owned: deletionPolicy === 'Delete' && !adopted,
	};
}

/**
 * The configuration for a server-side apply. An update has the UID and the version of the Secret that was
 * read, so that it fails if somebody was faster.
 */
function applied(wanted: WantedSecret, live: LiveSecret | undefined, adopted: boolean): object {
	const { owner, target, values } = wanted;
	const { labels, annotations, owned } = marksOf(wanted, adopted);
	const reference = { apiVersion: API_VERSION, kind: KIND, name: owner.name, uid: owner.uid };
	return {
		apiVersion: 'v1',
		kind: 'Secret',
		metadata: {
			...{ name: target.name, namespace: owner.namespace, labels, annotations },
			...(owned ? { ownerReferences: [{ ...reference, controller: false, blockOwnerDeletion: false }] } : {}),
			...(live === undefined ? {} : { uid: live.uid, resourceVersion: live.version }),
		},
		type: target.type,
		data: Object.fromEntries([...values].map(([key, value]) => [key, base64(value)])),
	};
}

/**
 * The configuration that takes everything back that an apply has written: for a Secret of somebody else that
 * came into being between our look and our write.
 */
export function withdrawn(name: string, namespace: string): object {
	return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace } };
}
