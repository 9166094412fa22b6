import { type Json, objects } from '../../lib/json.ts';
import type { WorkloadKind } from './kinds.ts';

/**
 * How far a workload is with its current template. `done`: every pod has it and is ready. `failed`: the
 * workload has missed its progress deadline. `started`: at least one pod has it.
 */
export interface Progress {
	readonly kind: 'done' | 'running' | 'failed';
	readonly started: boolean;
}

/** The parts of an object that tell. */
interface Parts {
	readonly generation: number;
	readonly spec: Json;
	readonly status: Json;
}

const count = (fields: Json, name: string): number => {
	const value = fields[name];
	return typeof value === 'number' ? value : 0;
};

/** The rules of `kubectl rollout status` for each kind. */
export function progressOf({ kind }: WorkloadKind, parts: Parts): Progress {
	const { generation, status } = parts;
	// Argo Rollouts writes a text; other kinds write a number.
	if (Number(status['observedGeneration'] ?? 0) < generation) return { kind: 'running', started: false };
	switch (kind) {
		case 'DaemonSet':
			return daemonSet(status);
		case 'Rollout':
			return argoRollout(parts);
		default:
			return replicated(parts);
	}
}

function daemonSet(status: Json): Progress {
	const wanted = count(status, 'desiredNumberScheduled');
	const updated = count(status, 'updatedNumberScheduled');
	const done = updated >= wanted && count(status, 'numberAvailable') >= wanted;
	return { kind: done ? 'done' : 'running', started: updated > 0 };
}

/** A Deployment or a StatefulSet. */
function replicated({ spec, status }: Parts): Progress {
	const wanted = spec['replicas'] === undefined ? 1 : count(spec, 'replicas');
	const updated = count(status, 'updatedReplicas');
	const started = updated > 0;
	if (condition(status, 'Progressing')?.['reason'] === 'ProgressDeadlineExceeded')
		return { kind: 'failed', started };
	const done =
		updated >= wanted && count(status, 'replicas') <= updated && count(status, 'readyReplicas') >= wanted;
	return { kind: done ? 'done' : 'running', started };
}

/** Argo Rollouts: `restartedAt` in the status follows `restartAt` in the specification. */
function argoRollout({ spec, status }: Parts): Progress {
	const started = count(status, 'replicas') > 0;
	if (status['phase'] === 'Degraded') return { kind: 'failed', started };
	const asked = spec['restartAt'];
	const restarted = typeof asked !== 'string' || status['restartedAt'] === asked;
	return { kind: restarted && status['phase'] === 'Healthy' ? 'done' : 'running', started };
}

function condition(status: Json, type: string): Json | undefined {
	return objects(status['conditions']).find((one) => one['type'] === type);
}
