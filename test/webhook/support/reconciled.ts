import type { V1Container, V1Pod } from '@kubernetes/client-node';
import { STATUS_ANNOTATION } from '../../../webhook/annotations/annotations.ts';
import { controlsFetcher, FETCHER_FIELDS, SECURITY_FIELDS } from '../../../webhook/patch/fetcher-fields.ts';
import { isAddedVolume, isFetcherName } from '../../../webhook/pod/added-names.ts';

const byText = (a: unknown, b: unknown): number => JSON.stringify(a).localeCompare(JSON.stringify(b));

const FILLED_IN: Record<string, unknown> = {
	terminationMessagePath: '/dev/termination-log',
	privileged: false,
};

const isEmpty = (value: unknown): boolean =>
	typeof value === 'object' && value !== null
		? Object.keys(value).length === 0
		: value == null || value === '';

/** Members that are given, in the order of their names. */
const given = (value: object): object =>
	Object.fromEntries(
		Object.entries(value)
			.filter(([name, member]) => !isEmpty(member) && member !== FILLED_IN[name])
			.sort(([a], [b]) => a.localeCompare(b)),
	);

/** What of a fetcher is Envtier's: all but what others may set. */
function ofFetcher(container: V1Container): object {
	const { image: _, capabilities, ...security } = { image: '', ...container.securityContext };
	const kept = (rules: Record<string, { rule: string }>, name: string) => rules[name]?.rule === 'kept';
	const part = Object.entries(container).filter(([name]) => !kept(FETCHER_FIELDS, name) && name !== 'image');
	return given({
		...Object.fromEntries(part),
		env: (container.env ?? []).filter(({ name }) => controlsFetcher(name)).sort(byText),
		volumeMounts: (container.volumeMounts ?? [])
			.filter(({ name }) => isAddedVolume(name))
			.map(({ readOnly = false, ...mount }) => given({ ...mount, readOnly }))
			.sort(byText),
		securityContext: given({
			...Object.fromEntries(
				Object.entries(security).filter(
					([name]) => !kept(SECURITY_FIELDS, name) && !['seccompProfile', 'appArmorProfile'].includes(name),
				),
			),
			capabilities: capabilities?.drop?.includes('ALL'),
		}),
	});
}

/** What of a pod's injection is Envtier's, in an order of its own. */
export function ofInjection(pod: V1Pod): object {
	const inits = pod.spec?.initContainers ?? [];
	const readers = [...inits.filter(({ name }) => !isFetcherName(name)), ...(pod.spec?.containers ?? [])];
	return {
		fetchers: inits
			.filter(({ name }) => isFetcherName(name))
			.map(ofFetcher)
			.sort(byText),
		readers: readers.map(({ name, env, volumeMounts, command }) => ({
			name,
			env: (env ?? []).filter(({ valueFrom }) => valueFrom?.fileKeyRef !== undefined).sort(byText),
			mounts: (volumeMounts ?? []).filter((mount) => isAddedVolume(mount.name)),
			command,
		})),
		volumes: (pod.spec?.volumes ?? []).filter(({ name }) => isAddedVolume(name)).sort(byText),
	};
}

/** A whole pod for comparison: without its status annotation, with the fetchers' variables sorted. */
export function whole(pod: V1Pod): V1Pod {
	const copy = structuredClone(pod);
	delete copy.metadata?.annotations?.[STATUS_ANNOTATION];
	for (const container of copy.spec?.initContainers ?? [])
		if (isFetcherName(container.name)) {
			container.env?.sort(byText);
			container.volumeMounts?.sort(byText);
		}
	copy.spec?.volumes?.sort(byText);
	return copy;
}
