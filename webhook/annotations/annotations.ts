import { parseCodeVariables } from '../../contract/code-variables.ts';
import { type EmptyPolicy, parseEmptyPolicy } from '../../contract/empty.ts';
import { FORMATS, type Format, parseFormats } from '../../contract/formats.ts';
import { parseKeys } from '../../contract/keys.ts';
import { ANNOTATION_PREFIX, parseName, parseRole, REQUEST_ANNOTATION } from '../../contract/names.ts';
import { type OnChange, parseOnChange, parseRefresh, parseSpread, SIGNALS } from '../../contract/refresh.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { parsePrefixes, parseSelectedKeys } from '../../contract/selection.ts';
import { parseTiers, TIERS, type Tier } from '../../contract/tiers.ts';
import { type NativeVariable, parseNativeEnv } from '../admission/native-env.ts';
import {
	CONTAINER_NAME,
	type KeyedOptions,
	normalizedList,
	notSwitch,
	parseBoolean,
} from './keyed-annotations.ts';

/** One annotation: its parser, and its texts for the reference. */
interface Annotation<T> {
	/** Returns the value, or a text that completes "must be …". */
	readonly parse: (text: string) => Result<T>;
	readonly meaning: string;
	/** The behaviour without it, for the reference. */
	readonly default: string;
	readonly example: string;
}

/** 2³¹−1, the largest user or group id that Kubernetes accepts. */
export const ID_MAX = 2 ** 31 - 1;

function parseOrder(text: string): Result<'first' | 'last'> {
	return text === 'first' || text === 'last' ? ok(text) : err('"first" or "last"');
}

/** What a UID and a GID look like; the first is never that of root. */
export const USER_PATTERN = /^[1-9][0-9]{0,9}$/;
export const GROUP_PATTERN = /^(?:0|[1-9][0-9]{0,9})$/;

/** Root is not allowed: the fetcher never runs as root. */
function parseUser(text: string): Result<number> {
	const user = USER_PATTERN.test(text) ? Number(text) : Number.NaN;
	return user <= ID_MAX ? ok(user) : err(`a whole number from 1 to ${ID_MAX}`);
}

function parseGroup(text: string): Result<number> {
	const group = GROUP_PATTERN.test(text) ? Number(text) : Number.NaN;
	return group <= ID_MAX ? ok(group) : err(`a whole number from 0 to ${ID_MAX}`);
}

function parseContainers(text: string): Result<readonly string[]> {
	const names = text.split(',').map((part) => part.trim());
	if (names.some((name) => !CONTAINER_NAME.test(name)))
		return err('a comma-separated list of container names of this pod');
	if (new Set(names).size !== names.length)
		return err('a comma-separated list of container names, each named once');
	return ok(names);
}

/** What a mount path of ours is made of. */
export const PATHS = {
	pattern: /^(?:\/[-A-Za-z0-9_.]+)+$/,
	/** A segment of dots alone. */
	dots: /\/\.+(?:\/|$)/,
	max: 512,
	/** The kubelet mounts three files into /etc of every container. */
	taken: ['/etc', '/etc/hosts', '/etc/hostname', '/etc/resolv.conf'],
	/** File systems of the kernel. */
	kernel: /^\/(?:proc|sys|dev)(?:\/|$)/,
} as const;

/** Kubernetes forbids ":" and ".." in mount paths. The kernel's file systems cannot hold files. */
function parsePath(text: string): Result<string> {
	const rule = `an absolute directory such as /secrets: letters, digits, "-", "_", "." and "/", no "..", no slash at the end, not below /proc, /sys or /dev, not /etc itself, at most ${PATHS.max} characters`;
	if (text.length > PATHS.max || !PATHS.pattern.test(text)) return err(rule);
	if (PATHS.taken.some((path) => path === text) || PATHS.dots.test(text)) return err(rule);
	return PATHS.kernel.test(text) ? err(rule) : ok(text);
}

/**
 * The annotations of a pod, by the name after the prefix. Decisions and the reference in docs/ use this
 * table. There is no annotation for Vault's address, CA, namespace or auth mount: those belong to the
 * operator. If a pod could choose where its token is sent, it could send it to an attacker.
 */
export const ANNOTATIONS = {
	deployment: {
		parse: parseName,
		meaning: 'the deployment whose secrets the pod gets; it requests injection',
		default: 'none: the pod is left as it is',
		example: 'shop',
	} as Annotation<string>,
	service: {
		parse: parseName,
		meaning: 'the service within that deployment',
		default: 'none: the service tier is not read',
		example: 'web',
	} as Annotation<string>,
	inject: {
		parse: parseBoolean,
		meaning: '"false" opts the pod out, whatever else it says',
		default: '"true"',
		example: 'false',
	} as Annotation<boolean>,
	org: {
		parse: parseName,
		meaning: 'the organization whose secrets the pod gets; those of other tiers override them',
		default:
			'the label of the same name on the namespace (ENVTIER_ORG_LABEL), else ENVTIER_DEFAULT_ORG; with neither, the organization tier is not read',
		example: 'acme',
	} as Annotation<string>,
	role: {
		parse: parseRole,
		meaning: 'the Vault role to log in with',
		default: 'ENVTIER_DEFAULT_ROLE, which is `{namespace}_{serviceAccount}` unless set',
		example: 'shop_web',
	} as Annotation<string>,
	tiers: {
		parse: parseTiers,
		meaning: `which tiers to read, any of ${TIERS.join(', ')}; later ones in that order override earlier ones`,
		default: 'every tier whose name is known',
		example: 'deployment,service',
	} as Annotation<readonly Tier[]>,
	require: {
		parse: notSwitch(parseKeys),
		meaning: 'keys that must exist after the merge; without one of them the pod does not start',
		default: 'none',
		example: 'DATABASE_URL, SESSION_KEY',
	} as Annotation<readonly string[]>,
	allow: {
		parse: parseCodeVariables,
		meaning:
			'variables that make programs run code (LD_PRELOAD, NODE_OPTIONS, PATH, …) and may come from secrets: whoever may write such a secret then runs code in this pod',
		default: 'none: such a variable keeps the pod from starting',
		example: 'NODE_OPTIONS',
	} as Annotation<readonly string[]>,
	empty: {
		parse: parseEmptyPolicy,
		meaning:
			'what happens to a secret with an empty value: refuse (the pod does not start), skip (the key counts as missing in that tier, so the value of a lower tier is used) or keep (the empty text is delivered)',
		default: 'ENVTIER_EMPTY, which is refuse unless set',
		example: 'keep',
	} as Annotation<EmptyPolicy>,
	containers: {
		parse: parseContainers,
		meaning: 'which containers get the files; an init container may be named too',
		default: 'all containers, no init containers',
		example: 'web, worker',
	} as Annotation<readonly string[]>,
	path: {
		parse: parsePath,
		meaning: 'the directory at which the files appear in these containers',
		default: '/secrets',
		example: '/run/envtier',
	} as Annotation<string>,
	format: {
		parse: parseFormats,
		meaning: `what to write, any of ${FORMATS.join(', ')}; or none`,
		default: 'shell; none where envtier.dev/env is set',
		example: 'shell, json',
	} as Annotation<readonly Format[]>,
	env: {
		parse: notSwitch(parseNativeEnv),
		meaning:
			'keys to deliver as native environment variables, each KEY or VARIABLE=KEY; needs Kubernetes 1.35, but neither a shell nor a mount nor a UID of the image',
		default: 'none',
		example: 'DATABASE_URL, PGPASSWORD=POSTGRES_PASSWORD',
	} as Annotation<readonly NativeVariable[]>,
	keys: {
		parse: notSwitch(normalizedList(parseSelectedKeys)),
		meaning:
			'which keys the files of a container hold, each KEY or NAME=KEY to give it another name; each must exist',
		default: 'all keys',
		example: 'DATABASE_URL, TOKEN=WEB_TOKEN',
	} as Annotation<string>,
	prefix: {
		parse: notSwitch(normalizedList(parsePrefixes)),
		meaning: 'the same by prefix: PREFIX, or OTHER=PREFIX to replace it by OTHER, or =PREFIX to remove it',
		default: 'all keys',
		example: 'DB_, PG=POSTGRES_',
	} as Annotation<string>,
	wrap: {
		parse: parseBoolean,
		meaning:
			'"true" starts each container that gets the files through a shell which sources them, so that neither image nor command need to be changed; each needs a command in the pod, and a shell in its image',
		default: '"false"',
		example: 'true',
	} as Annotation<boolean>,
	'run-as-user': {
		parse: parseUser,
		meaning: 'the UID that must be able to read the files, for containers whose UID the pod does not set',
		default: 'ENVTIER_DEFAULT_UID, with a warning',
		example: '1000',
	} as Annotation<number>,
	'run-as-group': {
		parse: parseGroup,
		meaning: 'the GID that the files belong to, for containers whose GID the pod does not set',
		default: 'the same number as the UID',
		example: '1000',
	} as Annotation<number>,
	refresh: {
		parse: parseRefresh,
		meaning:
			'keep the files current while the pod runs: "true" checks Vault every 5 minutes, or a period from 10s to 24h; a sidecar does it',
		default: '"false"',
		example: '5m',
	} as Annotation<number>,
	'on-change': {
		parse: parseOnChange,
		meaning: `what happens after the files have changed: none; http://localhost:PORT/PATH (the sidecar sends a POST); signal:SIGNAL to the first process of each container that gets secrets (${SIGNALS.join(', ')}); restart (all containers of the pod, in place, from Kubernetes 1.36); or rollout (the [controller](controller.md) rolls the workload, with or without a sidecar)`,
		default: 'none',
		example: 'http://localhost:8080/reload',
	} as Annotation<OnChange>,
	spread: {
		parse: parseSpread,
		meaning:
			'with "restart": each pod waits a random part of this time (10s to 24h) first, so that replicas do not restart together; for a lease at most half of the time that is left of it',
		default: 'the period of envtier.dev/refresh',
		example: '10m',
	} as Annotation<number>,
	'init-order': {
		parse: parseOrder,
		meaning: 'whether the fetcher runs before or after the pod’s other init containers and native sidecars',
		default: 'first',
		example: 'last',
	} as Annotation<'first' | 'last'>,
} as const;

/** An annotation's name after the prefix. */
export type AnnotationName = keyof typeof ANNOTATIONS;

/** All parsed annotations of a pod. */
export type PodOptions = {
	readonly [K in AnnotationName]?: (typeof ANNOTATIONS)[K] extends Annotation<infer T> ? T : never;
} & {
	/** Annotations of single keys or containers. */
	readonly each: KeyedOptions;
};

/** Written by the webhook on every injected pod: its decision, as JSON. */
export const STATUS_ANNOTATION = `${ANNOTATION_PREFIX}status`;

/**
 * Annotations that Envtier writes on pods. A copy of a pod may have them, so they are no reason to refuse it.
 */
export const WRITTEN_ANNOTATIONS: readonly string[] = [STATUS_ANNOTATION, REQUEST_ANNOTATION];
