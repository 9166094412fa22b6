import { createHash } from 'node:crypto';
import type { ManagedSecret, ManagedSecretSpec } from './resource.ts';

/** What is known of the Secret of a ManagedSecret from the watch of its namespace. */
export type SeenSecret = { readonly kind: 'there'; readonly version: string } | { readonly kind: 'gone' };

/** Why a ManagedSecret is looked at now. */
export type DueReason = 'new' | 'spec' | 'interval' | 'secret-gone' | 'secret-changed' | 'failed';

/** Whether there is something to do. */
export type Due =
	| { readonly kind: 'now'; readonly reason: DueReason }
	/** Milliseconds until there is. */
	| { readonly kind: 'later'; readonly wait: number };

/** What this process remembers of a ManagedSecret beyond its status. */
export interface Memory {
	/** The resource version of the Secret after this process wrote or read it. */
	readonly version?: string | undefined;
	/** No further attempt before this time (ms since 1970), unless the spec has changed since. */
	readonly notBefore?: number | undefined;
	/** The generation of the last attempt. */
	readonly generation?: number | undefined;
}

/** Share by which an interval is longer or shorter, so that ManagedSecrets do not all come at once. */
const JITTER = 0.1;

/**
 * When Vault is looked at again after the last success, in ms since 1970. The jitter follows from the object
 * and the time, so that another replica comes to the same time.
 */
export function nextLook(uid: string, last: number, interval: number): number {
	const [byte = 0] = createHash('sha256').update(`${uid} ${last}`).digest();
	return last + interval * (1 - JITTER + (2 * JITTER * byte) / 255);
}

/**
 * Decides whether a ManagedSecret is due. Nothing is due only because the controller has started: what was
 * written, when, and which version of the Secret that made is in the status.
 *
 * @param seen undefined: the watch has not told yet, or there is none
 * @param now ms since 1970
 */
export function dueOf(
	{ uid, generation, status }: Pick<ManagedSecret, 'uid' | 'generation' | 'status'>,
	spec: Pick<ManagedSecretSpec, 'refreshInterval' | 'sync'> | undefined,
	seen: SeenSecret | undefined,
	memory: Memory,
	now: number,
): Due {
	const waits = memory.notBefore !== undefined && memory.generation === generation;
	const due = (reason: DueReason): Due =>
		waits && memory.notBefore !== undefined && now < memory.notBefore
			? { kind: 'later', wait: memory.notBefore - now }
			: { kind: 'now', reason };
	if (status.observedGeneration === undefined) return due('new');
	if (status.observedGeneration !== generation) return due('spec');
	// A spec that is wrong stays wrong until somebody changes it.
	if (spec === undefined) return { kind: 'later', wait: Number.POSITIVE_INFINITY };
	const drift = spec.sync ? driftOf(status.secretVersion, seen, memory) : undefined;
	if (drift !== undefined) return due(drift);
	const synced = status.conditions?.find(({ type }) => type === 'Synced');
	const isFine = synced?.status === 'True' || synced?.reason === 'SyncOff';
	if (!isFine) return due('failed');
	const last = Date.parse(status.lastSyncTime ?? '');
	// A time in the future: somebody's clock was wrong.
	if (Number.isNaN(last) || last > now + spec.refreshInterval) return due('interval');
	const next = nextLook(uid, last, spec.refreshInterval);
	return now >= next ? due('interval') : { kind: 'later', wait: next - now };
}

function driftOf(
	recorded: string | undefined,
	seen: SeenSecret | undefined,
	{ version = recorded }: Memory,
): DueReason | undefined {
	// Never written: the condition says why.
	if (version === undefined || seen === undefined) return undefined;
	if (seen.kind === 'gone') return 'secret-gone';
	return isNewer(seen.version, version) ? 'secret-changed' : undefined;
}

/**
 * Whether one resource version is newer than another: decimal numbers since Kubernetes 1.35, and in etcd
 * always. Versions of another form are only compared for equality.
 */
export function isNewer(a: string, b: string): boolean {
	const numbers = /^[0-9]+$/.test(a) && /^[0-9]+$/.test(b);
	return numbers ? BigInt(a) > BigInt(b) : a !== b;
}
