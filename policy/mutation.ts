import type { V1Container, V1SecurityContext, V1Volume } from '@kubernetes/client-node';
import { INJECTED } from '../contract/names.ts';
import { STATUS_ANNOTATION } from '../webhook/annotations/annotations.ts';
import { FETCHER_FIELDS, type FieldRule, SECURITY_FIELDS } from '../webhook/patch/fetcher-fields.ts';
import { pointer } from '../webhook/patch/json-patch.ts';
import { bind, celOf, indented, literal, literals } from './cel.ts';
import { decidingEnv, fetcherMounts, SECURITY_CHECKS } from './fetcher-checks.ts';
import {
	fetcherOf,
	injected,
	mountAdded,
	READ,
	statusAdded,
	type Variable,
	volumesAdded,
} from './injection.ts';
import { CONTAINERS, has, INITS, isFetcher, isOurVolume, mountsOf, SAYS, saidOr, VOLUMES } from './pod.ts';
import { VARIABLES } from './reasons.ts';
import { setting, settingsVariable } from './settings.ts';

/** One operation of a JSON Patch; `path` and `value` are expressions. */
const add = (path: string, value: string): string => `JSONPatch{op: 'add', path: ${path}, value: ${value}}`;
const replace = (path: string, value: string): string =>
	`JSONPatch{op: 'replace', path: ${path}, value: ${value}}`;
const remove = (path: string): string => `JSONPatch{op: 'remove', path: ${path}}`;
/** Operations unless a condition holds. */
const unless = (condition: string, ...operations: readonly string[]): string =>
	`(${condition} ? [] : [${operations.join(', ')}])`;

const container = fetcherOf('other');
const { env = [], resources, imagePullPolicy, ...fields } = container;
const security: V1SecurityContext = container.securityContext ?? {};

/** `$` is doubled for the kubelet (`literal` of injected-objects.ts). */
const ENV = `[
${env.map(({ name, value }) => `  [${literal(name)}, string(${celOf(value)})]`).join(',\n')}
].filter(pair, pair[1] != '').map(pair, {'name': pair[0], 'value': pair[1].replace('$', '$$')})`;

/** Condition for the class Guaranteed: limits of CPU and memory, and equal requests or none (`qosOf`). */
const isGuaranteed = (each: string): string => `['cpu', 'memory'].all(name,
  quantity(string(${each}.?resources.?limits[?name].orValue('0'))).compareTo(quantity('0')) != 0 &&
  quantity(string(${each}.?resources.?requests[?name].orValue(${each}.resources.limits[name]))).compareTo(
    quantity(string(${each}.resources.limits[name]))) == 0)`;

const POD_LEVEL =
	'object.spec.?resources.?requests.orValue({}).size() + object.spec.?resources.?limits.orValue({}).size() > 0';

const RESOURCES = `${POD_LEVEL} ? {} :
(${CONTAINERS} + ${INITS}.filter(container, !(variables.stamped && ${isFetcher('container.name')}))).all(container,
${indented(isGuaranteed('container'))}) ? {'requests': variables.both, 'limits': variables.both} :
${celOf(resources).replaceAll(/dyn\((variables\.\w+)\)/g, '$1')}`;

/** The variables of the policy. Each is evaluated at its first use, and only once. */
function mutationVariables(): readonly Variable[] {
	return [
		settingsVariable(),
		...VARIABLES,
		{ name: 'readerNames', expression: 'variables.secretReaders.map(reader, reader.name)' },
		...READ,
		...injected(),
		{ name: 'env', expression: ENV },
		{ name: 'resources', expression: RESOURCES },
		{
			name: 'at',
			expression: `variables.stamped ? ${INITS}.map(container, container.name).indexOf(${literal(INJECTED.container)}) : -1`,
		},
		// The path of the existing fetcher.
		{ name: 'path', expression: "'/spec/initContainers/' + string(variables.at)" },
		{ name: 'fetcher', expression: `variables.at < 0 ? {} : ${INITS}[variables.at]` },
		{
			name: 'status',
			expression: `${has('containers')} ?\n  ${celOf(statusAdded(true))} :\n  ${celOf(statusAdded(false))}`,
		},
		{ name: 'last', expression: `${saidOr('init-order', "'first'")} == 'last'` },
	];
}

const optional = (condition: string, value: string): string =>
	`${condition} ? optional.none() : optional.of(dyn(${value}))`;

/** The whole init container. */
const NEW_FETCHER = `{
${Object.entries(fields)
	.map(([name, value]) => `  ${literal(name)}: dyn(${name === 'env' ? 'variables.env' : celOf(value)})`)
	.join(',\n')},
  'env': dyn(variables.env),
  ?'imagePullPolicy': ${optional(`${setting('ENVTIER_FETCHER_PULL_POLICY')} == ''`, celOf(imagePullPolicy))},
  ?'resources': ${optional('variables.resources.size() == 0', 'variables.resources')}
}`;

/** Adds the mount of each reader, and removes other mounts of ours. */
function readers(): string {
	const mount = mountAdded();
	const path = "'/spec/containers/' + string(i) + '/volumeMounts'";
	const isRight = `mount.name == ${literal(mount.name)} && mount.mountPath == ${celOf(mount.mountPath)} && mount.?readOnly.orValue(false) &&
    !has(mount.subPath) && !has(mount.subPathExpr) && mount.?mountPropagation.orValue('None') == 'None'`;
	return `${CONTAINERS}.transformList(i, reader, reader.name in variables.readerNames,
  !has(reader.volumeMounts) ? [${add(path, celOf([mount]))}] :
  ${mountsOf('reader')}.exists(mount, ${isRight}) ? [] :
  ${mountsOf('reader')}.transformList(j, mount, ${isOurVolume('mount.name')}, ${remove(`${path} + '/' + string(j)`)}) +
    [${add(`${path} + '/-'`, celOf(mount))}]).flatten()`;
}

const named = (table: Readonly<Record<string, FieldRule>>, rule: FieldRule['rule']): readonly string[] =>
	Object.entries(table)
		.filter(([, each]) => each.rule === rule)
		.map(([name]) => name);

/** The last part of an image's name, without registry, folders, tag and digest (`program`). */
const program = (image: string): string =>
	`[${image}.split('@')[0]].map(name, name.substring(name.lastIndexOf('/') + 1).split(':')[0])[0]`;

const EARLIER_IMAGE = `(${SAYS}[${literal(STATUS_ANNOTATION)}] + '"image":""').split('"image":"')[1].split('"')[0]`;

/** Fields that only a sidecar has, which is for the webhook: removed from a fetcher. */
const OF_SIDECARS = ['restartPolicyRules', 'readinessProbe'] as const satisfies readonly CheckedField[];

/** Fields of an existing fetcher to reset, by the rules for its fields (ADR 40). */
type CheckedField = {
	[K in keyof typeof FETCHER_FIELDS]: (typeof FETCHER_FIELDS)[K] extends { rule: 'checked' } ? K : never;
}[keyof typeof FETCHER_FIELDS];

function fetcher(): string {
	const field = (name: string): string => `variables.path + '/${name}'`;
	const image = celOf(container.image);
	const ours = named(FETCHER_FIELDS, 'ours').filter((name) => name !== 'name');
	const rewritten = `variables.fetcher.image != ${EARLIER_IMAGE} && ${program('variables.fetcher.image')} == ${program(image)}`;
	// The type checker names a field whose rule becomes "checked".
	const checked: Readonly<Record<Exclude<CheckedField, (typeof OF_SIDECARS)[number]>, string>> = {
		image: unless(
			`variables.fetcher.?image.orValue('') == ${image} || (has(variables.fetcher.image) && ${rewritten})`,
			add(field('image'), image),
		),
		// A fetcher has none; the sidecar, which has one, is for the webhook.
		restartPolicy: unless(
			"variables.fetcher.?restartPolicy.orValue('') == ''",
			remove(field('restartPolicy')),
		),
		terminationMessagePath: unless(
			"variables.fetcher.?terminationMessagePath.orValue('/dev/termination-log') == '/dev/termination-log'",
			remove(field('terminationMessagePath')),
		),
		env: decidingEnv({ add, remove }),
		volumeMounts: fetcherMounts(container.volumeMounts ?? [], { add, remove }),
		securityContext: `(!has(variables.fetcher.securityContext) ? [${add(field('securityContext'), celOf(security))}] : (
${indented(securityContext())}))`,
	};
	const removed = `${literals([...named(FETCHER_FIELDS, 'removed'), ...OF_SIDECARS])}.filter(name, name in variables.fetcher && variables.fetcher[name].size() != 0)
  .map(name, ${remove("variables.path + '/' + name")})`;
	const set = ours.map((name) => {
		const value = celOf(container[name as keyof V1Container]);
		return unless(`variables.fetcher.?${name}.orValue('') == ${value}`, add(field(name), value));
	});
	return `(variables.at < 0 ? [] : (
${indented([removed, ...set, ...Object.values(checked)].join(' +\n'))}))`;
}

function securityContext(): string {
	const field = (name: string): string => `variables.path + '/securityContext/${name}'`;
	const value = (name: string): unknown => security[name as keyof V1SecurityContext];
	const now = 'variables.fetcher.securityContext';
	const ours = named(SECURITY_FIELDS, 'ours').map((name) =>
		unless(
			`has(${now}.${name}) && ${now}.${name} == ${celOf(value(name))}`,
			add(field(name), celOf(value(name))),
		),
	);
	const others = Object.entries(SECURITY_CHECKS).map(([name, isRight]) =>
		unless(
			isRight(now),
			value(name) === undefined ? remove(field(name)) : add(field(name), celOf(value(name))),
		),
	);
	return [...ours, ...others].join(' +\n');
}

/**
 * True if a volume equals the expected one, except for defaults of the API server and the form of a quantity.
 */
function isSame(volume: V1Volume): string {
	const { emptyDir, projected } = volume;
	if (emptyDir !== undefined)
		return `volume.size() == 2 && has(volume.emptyDir) && volume.emptyDir.size() == 2 && volume.emptyDir.?medium.orValue('') == ${literal(emptyDir.medium ?? '')} &&
    quantity(string(volume.emptyDir.?sizeLimit.orValue('0'))).compareTo(quantity(${celOf(emptyDir.sizeLimit)})) == 0`;
	return `volume.size() == 2 && has(volume.projected) && volume.projected.?defaultMode.orValue(420) == 420 &&
    volume.projected.?sources.orValue([]) == ${celOf(projected?.sources)}`;
}

function volumeOperations(): string {
	const all = volumesAdded();
	const each = all.map(
		(
			volume,
		) => `${VOLUMES}.transformList(i, volume, volume.name == ${literal(volume.name)} && !(${isSame(volume)}),
    ${replace("'/spec/volumes/' + string(i)", celOf(volume))}) +
  (${VOLUMES}.exists(volume, volume.name == ${literal(volume.name)}) ? [] : [${add("'/spec/volumes/-'", celOf(volume))}])`,
	);
	return `(!has(object.spec.volumes) ? [${add("'/spec/volumes'", celOf(all))}] : (
  ${each.join(' +\n  ')}))`;
}

/** A new fetcher comes first or last. An existing one moves to the end only if the pod requests it. */
const PLACE = `(variables.at >= 0 ?
  (variables.last && variables.at < ${INITS}.size() - 1 ?
    [JSONPatch{op: 'move', from: variables.path, path: '/spec/initContainers/' + string(${INITS}.size() - 1)}] : []) :
  has(object.spec.initContainers) ?
    [${add("variables.last ? '/spec/initContainers/-' : '/spec/initContainers/0'", 'variables.init')}] :
    [${add("'/spec/initContainers'", '[variables.init]')}])`;

function pullSecrets(): string {
	const wanted = `${setting('ENVTIER_FETCHER_PULL_SECRETS')}.split(',').map(name, name.trim()).filter(name, name != '' && !object.spec.?imagePullSecrets.orValue([]).exists(secret, secret.?name.orValue('') == name))`;
	return bind(
		'missing',
		wanted,
		`missing.size() == 0 ? [] :
!has(object.spec.imagePullSecrets) ? [${add("'/spec/imagePullSecrets'", "missing.map(name, {'name': name})")}] :
missing.map(name, ${add("'/spec/imagePullSecrets/-'", "{'name': name}")})`,
	);
}

const STATUS_PATH = literal(`/metadata/annotations/${pointer(STATUS_ANNOTATION)}`);

/**
 * The JSON Patch that injects into a plain pod as the webhook does. Empty if the pod is injected already.
 */
export function mutation(): { readonly variables: readonly Variable[]; readonly expression: string } {
	const status = `${SAYS}[?${literal(STATUS_ANNOTATION)}].orValue('') == variables.status`;
	return {
		variables: [...mutationVariables(), { name: 'init', expression: NEW_FETCHER }],
		expression: [
			readers(),
			fetcher(),
			volumeOperations(),
			PLACE,
			pullSecrets(),
			unless(status, add(STATUS_PATH, 'variables.status')),
		].join(' +\n'),
	};
}
