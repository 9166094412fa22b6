import type { V1Volume, V1VolumeProjection } from '@kubernetes/client-node';
import { INJECTED, REQUEST_ANNOTATION } from '../../contract/names.ts';
import type { InjectionPlan, VolumePlan } from '../admission/injection-plan.ts';
import { multiplied } from '../pod/quantities.ts';
import type { InjectionSettings } from '../settings.ts';

/** The shortest expiry of a projected token in Kubernetes. The fetcher needs the token for seconds only. */
const TOKEN_SECONDS = 600;

/** Size of the volume of the private file, which holds a token and a digest of each value. */
const PRIVATE_SIZE = '4Mi';

/** Generations of files that a volume holds at a time: the previous, the current and the next one. */
const GENERATIONS = 3;

/** All volumes of a plan: the fetchers' in-memory volumes, their private volumes, and the token's volume. */
export function volumes(plan: InjectionPlan, settings: InjectionSettings): V1Volume[] {
	return [
		...volumesOf(plan).map(({ name }) => ({
			name,
			emptyDir: { medium: 'Memory', sizeLimit: sizeOf(plan, settings) },
		})),
		...plan.fetchers.flatMap(({ sidecar }) =>
			sidecar === undefined
				? []
				: [{ name: sidecar.privateVolume, emptyDir: { medium: 'Memory', sizeLimit: PRIVATE_SIZE } }],
		),
		{
			name: INJECTED.tokenVolume,
			projected: {
				sources: [
					{
						serviceAccountToken: {
							audience: settings.tokenAudience,
							expirationSeconds: TOKEN_SECONDS,
							path: INJECTED.tokenFile,
						},
					},
					...requestSource(plan),
				],
			},
		},
	];
}

/** The request of `envtier refresh`. The kubelet rewrites it when the annotation of the pod changes. */
function requestSource({ fetchSpec }: InjectionPlan): V1VolumeProjection[] {
	if (fetchSpec.refresh === undefined) return [];
	// With the default of the API server, so that the volume of an admitted pod equals it.
	const fieldRef = { apiVersion: 'v1', fieldPath: `metadata.annotations['${REQUEST_ANNOTATION}']` };
	return [{ downwardAPI: { items: [{ path: INJECTED.requestFile, fieldRef }] } }];
}

function sizeOf({ fetchSpec }: InjectionPlan, { volumeSize }: InjectionSettings): string {
	return fetchSpec.refresh === undefined ? volumeSize : multiplied(volumeSize, GENERATIONS);
}

/** The in-memory volumes that hold the files for the containers of the pod. */
export function volumesOf({ fetchers }: InjectionPlan): readonly VolumePlan[] {
	return fetchers.flatMap(({ volumes }) => volumes);
}
