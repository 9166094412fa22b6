import { ANNOTATION_PREFIX } from '../../contract/names.ts';
import type { OnChange } from '../../contract/refresh.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import type { PodOptions } from '../annotations/annotations.ts';
import { type Rejection, reject } from './rejection.ts';

/** How the sidecars of one pod keep its files current. */
export interface RefreshSpec {
	/** Seconds between two checks. */
	readonly period: number;
	readonly onChange: OnChange;
}

/** What the annotations say about refresh, or undefined if the pod reads its secrets once. */
export function refreshSpecOf(options: PodOptions): Result<RefreshSpec | undefined, Rejection> {
	const period = options.refresh ?? 0;
	const onChange = options['on-change'] ?? { kind: 'none' };
	if (period > 0) return ok({ period, onChange });
	if (onChange.kind === 'none') return ok(undefined);
	return err(
		reject(
			'bad-annotation',
			`annotation ${ANNOTATION_PREFIX}on-change needs a sidecar that sees changes: set ${ANNOTATION_PREFIX}refresh to "true" as well`,
		),
	);
}
