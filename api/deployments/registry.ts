import { parseName } from '../../contract/names.ts';
import { mapAtMost } from '../concurrency.ts';
import { userSegment } from '../secrets/secret-location.ts';
import type { Head, Store } from '../store/store.ts';
import type { TimeLimit } from './attempt.ts';

/** A deployment that someone registered. */
export interface Deployment {
	readonly name: string;
	readonly owner: string;
	readonly org: string;
	/** The template that its first secrets were copied from; empty when there was none. */
	readonly template: string;
	readonly createdAt: string;
}

/** What a marker holds: something must, for a version to exist. */
const MARKER = { marker: 'envtier' };
/**
 * How long a name may stay claimed without an owner. Longer than the requests of any call can take, so
 * whoever claimed it has ended.
 */
const ABANDONED_AFTER = 120_000;
const AT_ONCE = 12;

/** Where a deployment's registration lies: an empty secret, its metadata say whose it is. */
export const markerOf = (name: string): string => `registry/deployments/${name}`;
const indexOf = (owner: string, kind: 'deployments' | 'keys'): string =>
	`registry/owners/${userSegment(owner)}/${kind}`;

/** The deployment of that name, once its registration is complete. */
export async function findDeployment(store: Store, name: string): Promise<Deployment | undefined> {
	return deploymentOf(name, await store.head(markerOf(name)));
}

function deploymentOf(name: string, head: Head | undefined): Deployment | undefined {
	const { owner, org = '', template = '', created_at: createdAt = '' } = head?.metadata ?? {};
	return head?.live && owner !== undefined ? { name, owner, org, template, createdAt } : undefined;
}

/** The deployments of an owner, sorted by name: one request, and one a deployment. */
export async function deploymentsOf(store: Store, owner: string): Promise<readonly Deployment[]> {
	const names = await indexEntries(store, owner, 'deployments');
	const found = await mapAtMost(AT_ONCE, names, (name) => findDeployment(store, name));
	// The index is written before the registration is complete: an entry alone proves nothing.
	return found.filter((deployment) => deployment !== undefined && deployment.owner === owner) as Deployment[];
}

/** What the index of an owner names. */
export async function indexEntries(
	store: Store,
	owner: string,
	kind: 'deployments' | 'keys',
): Promise<readonly string[]> {
	return (await store.list(indexOf(owner, kind))).filter((name) => parseName(name).ok);
}

/** Enters a name into the index of an owner; one that is there already is fine. */
export async function addToIndex(
	store: Store,
	owner: string,
	kind: 'deployments' | 'keys',
	name: string,
): Promise<void> {
	await store.put(`${indexOf(owner, kind)}/${name}`, MARKER, 0);
}

/** Takes a name out of the index of an owner. */
export async function removeFromIndex(
	store: Store,
	owner: string,
	kind: 'deployments' | 'keys',
	name: string,
): Promise<void> {
	await store.remove(`${indexOf(owner, kind)}/${name}`);
}

/**
 * True when anything exists below a deployment's path: secrets of any service, also deleted ones or metadata
 * alone, and entries that somebody wrote by hand. One request.
 */
export async function isOccupied(store: Store, name: string): Promise<boolean> {
	return (await store.list(`deployments/${name}`)).length > 0;
}

/** The outcome of asking for a name. `stamp` tells this claim from any other of the same name. */
export type Claim =
	| { readonly kind: 'taken' | 'pending' }
	| { readonly kind: 'claimed'; readonly stamp: string };

const stampOf = (head: Head | undefined): string =>
	head === undefined ? '' : `${head.version} ${head.writtenAt.toISOString()}`;

/** Whose a name is: nobody's, claimed by an attempt that goes on or was given up, or a deployment. */
export type NameState =
	| { readonly kind: 'free'; readonly version: number }
	| { readonly kind: 'claimed'; readonly version: number; readonly stamp: string; readonly since: Date }
	| { readonly kind: 'registered'; readonly deployment: Deployment };

/** Looks up whose a name is. */
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

/** True when nobody can be at work any more on what was begun at `started`. */
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
	// The stamp is of no use once an undo may have released the name.
	if (limit.expired()) return false;
	const patch = { owner, org, template: template || null, created_at: createdAt };
	return await store.describe(markerOf(name), patch);
}
