import { err, ok, type Result } from '../../contract/result.ts';
import { type NativeEnvSupport, nativeEnvOf, type ServerVersion } from './native-env.ts';

/**
 * Whether a cluster has a feature that a pod may ask for. The error says why not, as the rest of a sentence.
 */
export type FeatureSupport = Result<true>;

/** What a cluster can do for a pod. */
export interface ClusterFeatures {
	/** Whether `envtier.dev/env` can be served. */
	readonly nativeEnv: NativeEnvSupport;
	/** Whether an init container can be a sidecar. */
	readonly sidecars: FeatureSupport;
	/** Whether all containers of a pod can be restarted in place. */
	readonly inPlaceRestart: FeatureSupport;
}

/** Settings in which the operator leaves a feature to the version of the API server ("auto"). */
export interface VersionDecides {
	readonly nativeEnv: boolean;
	readonly inPlaceRestart: boolean;
}

/** Kubernetes 1.29 is the first whose feature gate SidecarContainers is on unless switched off (KEP-753). */
const SIDECARS = 29;

/**
 * Kubernetes 1.36 is the first whose feature gate RestartAllContainersOnContainerExits is on unless switched
 * off (KEP-5532).
 */
const IN_PLACE_RESTART = 36;

function since(minor: number, { major, minor: text }: ServerVersion): FeatureSupport {
	const number = Number.parseInt(text, 10);
	if (Number(major) > 1 || number >= minor) return ok(true);
	const version = `${Number(major)}.${Number.isNaN(number) ? '?' : number}`;
	return err(`this API server is Kubernetes ${version}, and it needs 1.${minor}`);
}

/** What an API server of this version can do, without the features that the operator decides about. */
export function featuresOf(decides: VersionDecides, version: ServerVersion): Partial<ClusterFeatures> {
	return {
		sidecars: since(SIDECARS, version),
		...(decides.nativeEnv ? { nativeEnv: nativeEnvOf(version) } : {}),
		...(decides.inPlaceRestart ? { inPlaceRestart: since(IN_PLACE_RESTART, version) } : {}),
	};
}
