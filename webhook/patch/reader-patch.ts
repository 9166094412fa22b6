import type { InjectionPlan, VolumePlan } from '../admission/injection-plan.ts';
import { WRAPPER_LENGTH, wrapper } from '../admission/wrap.ts';
import type { ContainerFacts, FileVariable, Mount } from '../pod/container.ts';
import type { EarlierInjection, InjectedIntoContainer } from '../pod/earlier-injection.ts';
import type { PodFacts } from '../pod/pod.ts';
import { readerMount, readerVariables } from './injected-objects.ts';
import { volumesOf } from './injected-volumes.ts';
import { add, difference, type Operation, removeAt, replace } from './json-patch.ts';
import type { PodChange } from './reconcile.ts';

/** A container of the application, what it has of ours, and the volume that it is to get, if any. */
interface ReaderContainer {
	readonly container: ContainerFacts;
	readonly path: string;
	readonly parts: InjectedIntoContainer;
	readonly volume: VolumePlan | undefined;
}

/**
 * The changes of the application's containers: each reader has its variables, its mount and its wrapper, and
 * no other container has any.
 */
export function readerChanges(pod: PodFacts, parts: EarlierInjection, plan: InjectionPlan): PodChange[] {
	const readers = new Map<ContainerFacts, VolumePlan | undefined>();
	for (const volume of volumesOf(plan))
		for (const { list, index } of volume.readers) {
			const container = pod[list]?.[index];
			if (container !== undefined) readers.set(container, volume);
		}
	for (const holder of parts.containers) if (!readers.has(holder)) readers.set(holder, undefined);
	const wrapped = new Set(plan.wrapped.map(({ list, index }) => `${list}/${index}`));
	const all = [...readers].map(
		([container, volume]): ReaderContainer => ({
			container,
			path: `/spec/${container.list}/${container.index}`,
			parts: parts.of(container),
			volume,
		}),
	);
	return [
		...all.flatMap((reader) => change(reader, 'env', variables(reader, plan))),
		...all.flatMap((reader) => change(reader, 'volumeMounts', mounts(reader, plan))),
		...all.flatMap((reader) => {
			const { list, index } = reader.container;
			return change(reader, 'command', wrappers(reader, plan, wrapped.has(`${list}/${index}`)));
		}),
	];
}

/** In front, so that the container's own variables, command and arguments can refer to them by `$(NAME)`. */
function variables({ container, path, parts, volume }: ReaderContainer, plan: InjectionPlan): Operation[] {
	const list = `${path}/env`;
	const expected = volume === undefined ? [] : readerVariables(plan, volume);
	if (container.env === undefined) return expected.length === 0 ? [] : [add(list, expected)];
	const { wrong, missing } = difference(parts.variables, expected, {
		found: (found: FileVariable) =>
			JSON.stringify([found.name, found.volume, found.path, found.key, found.optional]),
		expected: ({ name, valueFrom }) => {
			const { volumeName, path: file, key } = valueFrom?.fileKeyRef ?? {};
			return JSON.stringify([name, volumeName, file, key, false]);
		},
	});
	return [
		...removeAt(
			list,
			wrong.map(({ index }) => index),
		),
		...missing.map((variable, i) => add(`${list}/${i}`, variable)),
	];
}

function mounts({ container, path, parts, volume }: ReaderContainer, plan: InjectionPlan): Operation[] {
	const list = `${path}/volumeMounts`;
	const expected =
		volume === undefined || plan.fetchSpec.formats.length === 0 ? [] : [readerMount(plan, volume)];
	if (container.mounts === undefined) return expected.length === 0 ? [] : [add(list, expected)];
	const { wrong, missing } = difference(parts.mounts, expected, {
		found: (found: Mount) =>
			JSON.stringify(found.plain ? [found.volume, found.path, found.readOnly] : found.index),
		expected: ({ name, mountPath, readOnly }) => JSON.stringify([name, mountPath, readOnly]),
	});
	return [
		...removeAt(
			list,
			wrong.map(({ index }) => index),
		),
		...missing.map((mount) => add(`${list}/-`, mount)),
	];
}

/** Word by word before the command that is there, which stays as it was, as do the arguments. */
function wrappers(
	{ container, path, parts }: ReaderContainer,
	plan: InjectionPlan,
	isWrapped: boolean,
): Operation[] {
	const list = `${path}/command`;
	const words = wrapper(plan.path);
	const [only, ...more] = parts.wrappers;
	if (isWrapped && only !== undefined && more.length === 0) {
		const command = container.command ?? [];
		return words.flatMap((word, i) =>
			command[only + i] === word ? [] : [replace(`${list}/${only + i}`, word)],
		);
	}
	const stale = parts.wrappers.flatMap((at) => Array.from({ length: WRAPPER_LENGTH }, (_, i) => at + i));
	return [...removeAt(list, stale), ...(isWrapped ? words.map((word, i) => add(`${list}/${i}`, word)) : [])];
}

function change(
	{ container, volume }: ReaderContainer,
	field: string,
	operations: readonly Operation[],
): PodChange[] {
	if (operations.length === 0) return [];
	return [{ part: `container "${container.name}": ${field}`, foreign: volume === undefined, operations }];
}
