import type { AccessRecord } from '../access/record.ts';

/** What an elevation is for: one deployment, or an organization with all its deployments. */
export interface ElevationTarget {
	readonly kind: 'deployment' | 'org';
	readonly name: string;
}

/** The right to show values for a short time, with a reason. */
export interface Elevation {
	/** Every reveal during the elevation carries it. */
	readonly id: string;
	readonly target: ElevationTarget;
	readonly subject: string;
	readonly reason: string;
	readonly requestedAt: string;
	/** The second person who approved it; empty if the setting does not ask for one. */
	readonly approvedBy: string;
}

/** Number of the version that a request wrote. It tells whether the request is still the last change. */
export type RequestVersion = number;

/** An elevation in a list. */
export interface ListedElevation extends Elevation {
	readonly version: RequestVersion;
	readonly state: 'pending' | 'active' | 'ended';
}

/** Time in which a second person can approve, in ms. */
const APPROVAL_TIME = 3_600_000;

/** True while a requested elevation can still be approved. */
export function isPending({ requestedAt, state }: Pick<ListedElevation, 'requestedAt' | 'state'>, now: Date) {
	return state === 'pending' && now.getTime() - Date.parse(requestedAt) < APPROVAL_TIME;
}

/** The targets whose elevation lets a caller see values of a deployment. */
export function targetsFor(name: string, { org }: Pick<AccessRecord, 'org'>): readonly ElevationTarget[] {
	const deployment = { kind: 'deployment', name } as const;
	return org === '' ? [deployment] : [deployment, { kind: 'org', name: org }];
}
