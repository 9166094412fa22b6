import { isDeepStrictEqual } from 'node:util';
import type { V1Volume } from '@kubernetes/client-node';
import type { EarlierInjection } from '../pod/earlier-injection.ts';
import type { Json } from '../pod/json.ts';
import type { PodFacts } from '../pod/pod.ts';
import { sameAmount } from '../pod/quantities.ts';
import { add, type Operation, removeAt, replace } from './json-patch.ts';
import type { PodChange } from './reconcile.ts';

const LIST = '/spec/volumes';

/** The mode that the API server fills in (Kubernetes API: ProjectedVolumeSource). */
const DEFAULT_MODE = 0o644;

/**
 * Whether a volume is the expected one. Defaults of the API server and the notation of quantities do not
 * matter.
 */
function isSame(raw: Json, expected: V1Volume): boolean {
	const { name, emptyDir, projected, ...others } = raw as unknown as V1Volume;
	if (name !== expected.name || Object.values(others).some((source) => source != null)) return false;
	if (expected.emptyDir !== undefined) {
		if (projected != null || emptyDir == null) return false;
		const { medium, sizeLimit, ...rest } = emptyDir;
		return (
			Object.keys(rest).length === 0 &&
			medium === expected.emptyDir.medium &&
			(sizeLimit === undefined || typeof sizeLimit === 'string') &&
			sameAmount(sizeLimit, expected.emptyDir.sizeLimit)
		);
	}
	if (emptyDir != null || projected == null) return false;
	const { defaultMode = DEFAULT_MODE, ...rest } = projected;
	return defaultMode === DEFAULT_MODE && isDeepStrictEqual(rest, expected.projected);
}

/**
 * The changes of the pod's volumes: each of ours is as expected, once, and no other volume has such a name.
 */
export function volumeChanges(
	pod: PodFacts,
	parts: EarlierInjection,
	expected: readonly V1Volume[],
): PodChange[] {
	if (pod.volumes === undefined) return [change('volumes', [add(LIST, expected)])];
	const missing = new Map(expected.map((volume) => [volume.name, volume]));
	const replaced: PodChange[] = [];
	const stale: number[] = [];
	for (const { name, index, raw } of parts.volumes) {
		const volume = missing.get(name);
		missing.delete(name);
		if (volume === undefined) stale.push(index);
		else if (raw === undefined || !isSame(raw, volume))
			replaced.push(change(`volume "${name}"`, [replace(`${LIST}/${index}`, volume)]));
	}
	const rest = [...removeAt(LIST, stale), ...[...missing.values()].map((volume) => add(`${LIST}/-`, volume))];
	return [...replaced, ...(rest.length === 0 ? [] : [change('volumes', rest)])];
}

function change(part: string, operations: readonly Operation[]): PodChange {
	return { part, foreign: false, operations };
}
