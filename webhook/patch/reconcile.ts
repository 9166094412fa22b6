import { isDeepStrictEqual } from 'node:util';
import type { V1Container, V1EnvVar, V1SecurityContext, V1VolumeMount } from '@kubernetes/client-node';
import { obstructs } from '../admission/mount-checks.ts';
import { isAddedVolume } from '../pod/added-names.ts';
import type { ContainerFacts, Mount } from '../pod/container.ts';
import type { Json } from '../pod/json.ts';
import { controlsFetcher, FETCHER_FIELDS, type FieldRule, SECURITY_FIELDS } from './fetcher-fields.ts';
import { add, difference, type Operation, remove, removeAt } from './json-patch.ts';

/** What is changed back in one part of a pod. */
export interface PodChange {
	/** Where, as people would say it: `init container "envtier-fetch": env`. */
	readonly part: string;
	/** True for what injection never sets, whatever the settings: somebody else has put it there. */
	readonly foreign: boolean;
	readonly operations: readonly Operation[];
}

/**
 * A container with the name of a fetcher, its expected state, and the image from an earlier injection, if
 * known.
 */
export interface FetcherComparison {
	readonly found: ContainerFacts & { readonly raw: Json };
	readonly expected: V1Container;
	readonly earlierImage: string | undefined;
}

type CheckedFields<T> = { readonly [K in keyof T]: T[K] extends { rule: 'checked' } ? K : never }[keyof T];

/** Operations below `path`; an empty list when all is well. */
type FieldCheck = (
	reconciled: FetcherComparison,
	path: string,
) => { own: Operation[]; foreign?: Operation[] };

/** Nothing, as the API server and other webhooks write it. */
function isAbsent(value: unknown): boolean {
	if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
	return value === undefined || value === null || value === '' || value === false;
}

function set(path: string, found: unknown, expected: unknown): Operation[] {
	return isDeepStrictEqual(found, expected) ? [] : [add(path, expected)];
}

function unset(path: string, found: unknown): Operation[] {
	return isAbsent(found) ? [] : [remove(path)];
}

/** The last part of an image's name, without registry, folders, tag and digest. */
function program(image: string): string {
	const name = image.replace(/@.*$/s, '');
	return name.slice(name.lastIndexOf('/') + 1).replace(/:.*$/s, '');
}

function image({ found, expected, earlierImage }: FetcherComparison, path: string) {
	const now = found.raw['image'];
	const ours = expected.image ?? '';
	const rewritten = typeof now === 'string' && now !== earlierImage && program(now) === program(ours);
	return { own: now === ours || rewritten ? [] : [add(path, ours)] };
}

function env({ found, expected }: FetcherComparison, path: string) {
	const all = Array.isArray(found.raw['env']) ? (found.raw['env'] as readonly V1EnvVar[]) : undefined;
	const ours = expected.env ?? [];
	if (all === undefined) return { own: [add(path, ours)] };
	const controlling = all
		.map((variable, index) => ({ variable, index }))
		.filter(({ variable }) => controlsFetcher(variable.name));
	const { wrong, missing } = difference(controlling, ours, {
		found: ({ variable: { name, value = '', valueFrom }, index }) =>
			valueFrom || typeof value !== 'string' ? `${index}` : JSON.stringify([name, value]),
		expected: ({ name, value }) => JSON.stringify([name, value]),
	});
	const hasForeign = wrong.some(({ variable }) => !variable.name.startsWith('ENVTIER_'));
	const operations = [
		...removeAt(
			path,
			wrong.map(({ index }) => index),
		),
		...missing.map((variable) => add(`${path}/-`, variable)),
	];
	return hasForeign ? { own: [], foreign: operations } : { own: operations };
}

const mountKey = (volume: string, path: string, readOnly: boolean): string =>
	JSON.stringify([volume, path, readOnly]);

function volumeMounts({ found, expected }: FetcherComparison, path: string) {
	const ours = expected.volumeMounts ?? [];
	if (found.mounts === undefined) return { own: [add(path, ours)] };
	const places = ours.map(({ mountPath }) => mountPath);
	const isObstacle = (mount: Mount) => places.some((place) => obstructs(mount, place));
	const relevant = found.mounts.filter((mount) => isAddedVolume(mount.volume) || isObstacle(mount));
	const { wrong, missing } = difference<Mount, V1VolumeMount>(relevant, ours, {
		found: (mount) => (mount.plain ? mountKey(mount.volume, mount.path, mount.readOnly) : `${mount.index}`),
		expected: (mount) => mountKey(mount.name, mount.mountPath, mount.readOnly ?? false),
	});
	const hasForeign = wrong.some(({ volume }) => !isAddedVolume(volume));
	const operations = [
		...removeAt(
			path,
			wrong.map(({ index }) => index),
		),
		...missing.map((mount) => add(`${path}/-`, mount)),
	];
	return hasForeign ? { own: [], foreign: operations } : { own: operations };
}

const SECURITY_CHECKS: {
	readonly [K in CheckedFields<typeof SECURITY_FIELDS>]: (found: unknown) => boolean;
} = {
	capabilities: (found) => {
		const { add: added, drop } = (found ?? {}) as { add?: unknown; drop?: unknown };
		return isAbsent(added) && Array.isArray(drop) && drop.includes('ALL');
	},
	seccompProfile: (found) => ['RuntimeDefault', 'Localhost'].includes(typeOf(found)),
	appArmorProfile: (found) => typeOf(found) !== 'Unconfined',
	procMount: (found) => isAbsent(found) || found === 'Default',
};

function typeOf(profile: unknown): string {
	const { type } = (profile ?? {}) as { type?: unknown };
	return typeof type === 'string' ? type : '';
}

function securityContext({ found, expected }: FetcherComparison, path: string) {
	const now = found.raw['securityContext'] as Json | undefined | null;
	const ours: V1SecurityContext = expected.securityContext ?? {};
	if (now === undefined || now === null) return { own: [add(path, ours)] };
	const own = Object.entries<FieldRule>(SECURITY_FIELDS).flatMap(([name, { rule }]) => {
		const field = name as keyof V1SecurityContext;
		if (rule === 'kept') return [];
		if (rule === 'checked' && SECURITY_CHECKS[field as keyof typeof SECURITY_CHECKS](now[field])) return [];
		const value = ours[field];
		return value === undefined
			? unset(`${path}/${field}`, now[field])
			: set(`${path}/${field}`, now[field], value);
	});
	return { own };
}

const DEFAULT_TERMINATION_PATH = '/dev/termination-log';

function terminationMessagePath({ found }: FetcherComparison, path: string) {
	const now = found.raw['terminationMessagePath'];
	return { own: [], foreign: now === DEFAULT_TERMINATION_PATH ? [] : unset(path, now) };
}

/** A field that injection gives to sidecars alone. */
function ownOrNone(field: keyof V1Container): FieldCheck {
	return ({ found, expected }, path) => {
		const now = found.raw[field];
		const ours = expected[field];
		return ours === undefined ? { own: [], foreign: unset(path, now) } : { own: set(path, now, ours) };
	};
}

const CHECKS: { readonly [K in CheckedFields<typeof FETCHER_FIELDS>]: FieldCheck } = {
	image,
	env,
	volumeMounts,
	securityContext,
	terminationMessagePath,
	restartPolicy: ownOrNone('restartPolicy'),
	restartPolicyRules: ownOrNone('restartPolicyRules'),
	readinessProbe: ownOrNone('readinessProbe'),
};

function operationsFor(
	field: keyof V1Container,
	reconciled: FetcherComparison,
	path: string,
): { own: readonly Operation[]; foreign?: readonly Operation[] } {
	const { rule } = FETCHER_FIELDS[field];
	const now = reconciled.found.raw[field];
	switch (rule) {
		case 'kept':
			return { own: [] };
		case 'removed':
			return { own: [], foreign: unset(path, now) };
		case 'ours':
			return { own: set(path, now, reconciled.expected[field]) };
		case 'checked':
			return CHECKS[field as keyof typeof CHECKS](reconciled, path);
		default:
			return rule satisfies never;
	}
}

/** The changes that make a container with the name of a fetcher equal to what injection adds now (ADR 40). */
export function reconcileFetcher(reconciled: FetcherComparison): PodChange[] {
	const { name, index } = reconciled.found;
	const at = `/spec/initContainers/${index}`;
	return (Object.keys(FETCHER_FIELDS) as (keyof V1Container)[]).flatMap((field) => {
		const { own, foreign = [] } = operationsFor(field, reconciled, `${at}/${field}`);
		const operations = [...own, ...foreign];
		if (operations.length === 0) return [];
		return [{ part: `init container "${name}": ${field}`, foreign: foreign.length > 0, operations }];
	});
}
