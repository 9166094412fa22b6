import { ANNOTATION_PREFIX } from '../../contract/names.ts';
import { DEFAULT_PERIOD, type OnChange } from '../../contract/refresh.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import type { PodOptions } from '../annotations/annotations.ts';
import type { VaultSettings } from '../settings.ts';
import { leaseProblem } from './lease-checks.ts';
import { type Rejection, reject } from './rejection.ts';

/** How the sidecars of one pod keep its files current. */
export interface RefreshSpec {
	/** Seconds between two checks. */
	readonly period: number;
	readonly onChange: OnChange;
	/** Unparsed leases by name. */
	readonly leases: ReadonlyMap<string, string>;
	/** Seconds within which the pod restarts its containers; undefined unless it does. */
	readonly spread: number | undefined;
}

const annotation = (name: string): string => `annotation ${ANNOTATION_PREFIX}${name}`;

/** What the annotations say about refresh and leases, or undefined if the pod reads its secrets once. */
export function refreshSpecOf(
	options: PodOptions,
	vault: VaultSettings,
): Result<RefreshSpec | undefined, Rejection> {
	const leases = options.each.lease;
	const period = options.refresh ?? (leases.size > 0 ? DEFAULT_PERIOD : 0);
	const onChange = options['on-change'] ?? { kind: 'none' };
	const problem =
		leaseProblem(options, vault) ??
		(leases.size > 0 && onChange.kind === 'rollout' ? leaseWithRollout() : undefined) ??
		(period === 0 ? withoutSidecar(options, onChange) : unusedSpread(options, onChange));
	if (problem !== undefined) return err(problem);
	if (period === 0) return ok(undefined);
	const spread = onChange.kind === 'restart' ? (options.spread ?? period) : undefined;
	// A rollout is the controller's: the sidecar tells nobody.
	const told: OnChange = onChange.kind === 'rollout' ? { kind: 'none' } : onChange;
	return ok({ period, onChange: told, leases, spread });
}

/** An annotation that needs a sidecar, on a pod that has none. */
function withoutSidecar({ spread }: PodOptions, onChange: OnChange): Rejection | undefined {
	// A rollout needs no sidecar.
	const needs = onChange.kind !== 'none' && onChange.kind !== 'rollout';
	const name = needs ? 'on-change' : spread !== undefined ? 'spread' : undefined;
	if (name === undefined) return undefined;
	return reject(
		'bad-annotation',
		`${annotation(name)} needs a sidecar that sees changes: set ${ANNOTATION_PREFIX}refresh to "true" as well`,
	);
}

function unusedSpread({ spread }: PodOptions, onChange: OnChange): Rejection | undefined {
	if (spread === undefined || onChange.kind === 'restart') return undefined;
	return reject(
		'bad-annotation',
		`${annotation('spread')} is the time within which pods restart their containers, but ${ANNOTATION_PREFIX}on-change is not "restart": remove ${ANNOTATION_PREFIX}spread, or set ${ANNOTATION_PREFIX}on-change to "restart"`,
	);
}

/** Each pod mints leases of its own, and the controller would not see that one of them was replaced. */
function leaseWithRollout(): Rejection {
	return reject(
		'bad-annotation',
		`annotation ${ANNOTATION_PREFIX}on-change must not be "rollout" in a pod with leases: each pod replaces its own; use none, a POST, a signal or restart`,
	);
}
