/** The fields of a Lease (Kubernetes API: coordination.k8s.io/v1) that a leader election uses. */
export interface LeaseSpec {
	readonly holderIdentity?: string | null;
	readonly leaseDurationSeconds?: number | null;
	readonly leaseTransitions?: number | null;
	readonly acquireTime?: string | null;
	readonly renewTime?: string | null;
}

/** How long a leader stays without a renewal, and how often candidates look. In ms. */
export interface ElectionTimes {
	readonly duration: number;
	readonly retry: number;
}

/** What a candidate remembers of the Lease. Clocks of two machines are never compared. */
export interface ElectionView {
	/** The holder and its renewal as they were seen last. */
	readonly seen: string;
	/** When they were seen first, by this process's monotonic clock in ms. */
	readonly since: number;
}

/** What to do with the Lease now. */
export type ElectionStep = { readonly kind: 'take'; readonly spec: LeaseSpec } | { readonly kind: 'wait' };

/**
 * Decides for one candidate. It takes a Lease that nobody holds, its own, and one that has not changed for
 * its duration as this process saw it.
 *
 * @param now monotonic, in ms
 * @param time wall clock, for people who read the Lease
 */
export function electionStep(
	spec: LeaseSpec,
	identity: string,
	view: ElectionView,
	{ duration }: ElectionTimes,
	now: number,
	time: Date,
): ElectionStep {
	const holder = spec.holderIdentity ?? '';
	const mine = holder === identity;
	const lasts = Math.max(duration, (spec.leaseDurationSeconds ?? 0) * 1000);
	if (!mine && holder !== '' && now - view.since < lasts) return { kind: 'wait' };
	// MicroTime of the Kubernetes API has six digits.
	const renewTime = time.toISOString().replace('Z', '000Z');
	return {
		kind: 'take',
		spec: {
			holderIdentity: identity,
			leaseDurationSeconds: Math.ceil(duration / 1000),
			leaseTransitions: (spec.leaseTransitions ?? 0) + (mine ? 0 : 1),
			acquireTime: mine ? (spec.acquireTime ?? renewTime) : renewTime,
			renewTime,
		},
	};
}

/** The view after a look at the Lease. */
export function viewAfter(view: ElectionView | undefined, spec: LeaseSpec, now: number): ElectionView {
	const seen = JSON.stringify([spec.holderIdentity ?? '', spec.renewTime ?? '', spec.leaseTransitions ?? 0]);
	return view?.seen === seen ? view : { seen, since: now };
}
