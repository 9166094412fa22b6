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
}

/** What the annotations say about refresh and leases, or undefined if the pod reads its secrets once. */
export function refreshSpecOf(
	options: PodOptions,
	vault: VaultSettings,
): Result<RefreshSpec | undefined, Rejection> {
	const leases = options.each.lease;
	const period = options.refresh ?? (leases.size > 0 ? DEFAULT_PERIOD : 0);
	const onChange = options['on-change'] ?? { kind: 'none' };
	const problem = leaseProblem(options, vault);
	if (problem !== undefined) return err(problem);
	if (period > 0) return ok({ period, onChange, leases });
	if (onChange.kind === 'none') return ok(undefined);
	return err(
		reject(
			'bad-annotation',
			`annotation ${ANNOTATION_PREFIX}on-change needs a sidecar that sees changes: set ${ANNOTATION_PREFIX}refresh to "true" as well`,
		),
	);
}
