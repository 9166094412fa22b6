import { parseName } from '../../contract/names.ts';
import { userSegment } from '../secrets/secret-location.ts';
import type { Head, Store } from '../store/store.ts';
import type { TimeLimit } from './attempt.ts';

/** A registered deployment. */
export interface Deployment {
	readonly name: string;
	readonly owner: string;
	readonly org: string;
	/** The template that its first secrets were copied from; empty when there was none. */
	readonly template: string;
	readonly createdAt: string;
}

/** Fields of a marker: a version only exists with at least one field. */
const MARKER = { marker: 'envtier' };
/**
 * Time after which a claim without an owner expires, in ms. It is longer than all requests of one call, so
 * the call that claimed the name has ended.
 */
const ABANDONED_AFTER = 120_000;

const REGISTRATIONS = 'registry/deployments';

/** The path of a deployment's registration: an empty secret whose metadata name the owner. */
export const markerOf = (name: string): string => `${REGISTRATIONS}/${name}`;
const indexOf = (owner: string, kind: 'deployments' | 'keys'): string =>
	`registry/owners/${userSegment(owner)}/${kind}`;

/** The deployment of that name; undefined unless its registration is complete, and after its deletion. */
export async function findDeployment(store: Store, name: string): Promise<Deployment | undefined> {
	const head = await store.head(markerOf(name));
	return head?.metadata['deleted_at'] === undefined ? deploymentOf(name, head) : undefined;
}

/** Marks a deployment as deleted. False when there is no such deployment. Its name stays registered. */
export async function markDeleted(
	store: Store,
	{ name, createdAt }: Pick<Deployment, 'name' | 'createdAt'>,
	by: string,
	at: string,
): Promise<boolean> {
	const head = await store.head(markerOf(name));
	if (deploymentOf(name, head)?.createdAt !== createdAt) return false;
	if (head?.metadata['deleted_at'] !== undefined) return true;
	return await store.describe(markerOf(name), { deleted_at: at, deleted_by: by });
}

/** The names of all registrations, also incomplete ones. */
export function registeredNames(store: Store): Promise<readonly string[]> {
	return store.list(REGISTRATIONS);
}

function deploymentOf(name: string, head: Head | undefined): Deployment | undefined {
	const { owner, org = '', template = '', created_at: createdAt = '' } = head?.metadata ?? {};
	return head?.live && owner !== undefined ? { name, owner, org, template, createdAt } : undefined;
}

/** The names in the index of an owner. */
export async function indexEntries(
	store: Store,
	owner: string,
	kind: 'deployments' | 'keys',
): Promise<readonly string[]> {
	return (await store.list(indexOf(owner, kind))).filter((name) => parseName(name).ok);
}

/** Adds a name to the index of an owner. An existing entry is not an error. */
export async function addToIndex(
	store: Store,
	owner: string,
	kind: 'deployments' | 'keys',
	name: string,
): Promise<void> {
	await store.put(`${indexOf(owner, kind)}/${name}`, MARKER, 0);
}

/** Removes a name from the index of an owner. */
export async function removeFromIndex(
	store: Store,
	owner: string,
	kind: 'deployments' | 'keys',
	name: string,
): Promise<void> {
	await store.remove(`${indexOf(owner, kind)}/${name}`);
}

/**
 * True when anything exists below a deployment's path: secrets of any service, deleted secrets, metadata
 * without a value, or entries that somebody wrote by hand. Sends one request.
 */
export async function isOccupied(store: Store, name: string): Promise<boolean> {
	return (await store.list(`deployments/${name}`)).length > 0;
}

/** The result of a claim. `stamp` tells this claim from any other of the same name. */
export type Claim =
	| { readonly kind: 'taken' | 'pending' }
	| { readonly kind: 'claimed'; readonly stamp: string };

const stampOf = (head: Head | undefined): string =>
	head === undefined ? '' : `${head.version} ${head.writtenAt.toISOString()}`;

/** The state of a name: free, claimed by a running attempt, claimed by an abandoned one, or registered. */
export type NameState =
	| { readonly kind: 'free'; readonly version: number }
	| { readonly kind: 'claimed'; readonly version: number; readonly stamp: string; readonly since: Date }
	| { readonly kind: 'registered'; readonly deployment: Deployment };

/** Reads the state of a name. */
export async function nameStateOf(store: Store, name: string): Promise<NameState> {
	const head = await store.head(markerOf(name));
	const deployment = deploymentOf(name, head);
	if (deployment !== undefined) return { kind: 'registered', deployment };
	if (head?.live !== true) return { kind: 'free', version: head?.version ?? 0 };
	return { kind: 'claimed', version: head.version, stamp: stampOf(head), since: head.writtenAt };
}

/**
 * Claims a deployment's name; of several callers one gets it. It has no owner until `complete`. A claim that
 * is never completed (the process died) expires after a while.
 */
export async function claim(store: Store, name: string, now: Date): Promise<Claim> {
	const claimed = async (): Promise<Claim> => ({
		kind: 'claimed',
		stamp: stampOf(await store.head(markerOf(name))),
	});
	if ((await store.put(markerOf(name), MARKER, 0)) === 'written') return await claimed();
	const state = await nameStateOf(store, name);
	if (state.kind === 'registered') return { kind: 'taken' };
	if (state.kind === 'claimed' && !isAbandoned(state.since, now)) return { kind: 'pending' };
	const again = await store.put(markerOf(name), MARKER, state.version);
	return again === 'written' ? await claimed() : { kind: 'pending' };
}

/** True when nobody can still be at work on an attempt that began at `started`. */
export function isAbandoned(started: Date, now: Date): boolean {
	return now.getTime() - started.getTime() >= ABANDONED_AFTER;
}

/**
 * Makes the caller the owner of a claimed name. This one step turns an attempt into a deployment. False when
 * the claim was lost meanwhile, or the time limit expired.
 */
export async function complete(
	store: Store,
	{ name, owner, org, template, createdAt }: Deployment,
	stamp: string,
	limit: TimeLimit,
): Promise<boolean> {
	if (stampOf(await store.head(markerOf(name))) !== stamp) return false;
	// The stamp is no longer valid once an undo may have released the name.
	if (limit.expired()) return false;
	const patch = { owner, org, template: template || null, created_at: createdAt };
	return await store.describe(markerOf(name), patch);
}
