import { parseName } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';

/** A kind of object whose pods can be asked. */
interface Kind {
	/** The path of its API, without the namespace. */
	readonly api: string;
	readonly plural: string;
}

const KINDS = {
	pod: { api: '/api/v1', plural: 'pods' },
	deployment: { api: '/apis/apps/v1', plural: 'deployments' },
	statefulset: { api: '/apis/apps/v1', plural: 'statefulsets' },
	daemonset: { api: '/apis/apps/v1', plural: 'daemonsets' },
	replicaset: { api: '/apis/apps/v1', plural: 'replicasets' },
	job: { api: '/apis/batch/v1', plural: 'jobs' },
	rollout: { api: '/apis/argoproj.io/v1alpha1', plural: 'rollouts' },
} as const satisfies Record<string, Kind>;

/** The short names of kubectl. */
const SHORT = {
	po: 'pod',
	deploy: 'deployment',
	sts: 'statefulset',
	ds: 'daemonset',
	rs: 'replicaset',
} as const;

/** Each word that names a kind. */
const WORDS: ReadonlyMap<string, keyof typeof KINDS> = new Map([
	...Object.entries(SHORT),
	...(Object.keys(KINDS) as (keyof typeof KINDS)[]).flatMap((kind) => [
		[kind, kind] as const,
		[KINDS[kind].plural, kind] as const,
	]),
]);

/** The object that the command line names. */
export interface Target {
	readonly kind: keyof typeof KINDS;
	readonly name: string;
}

const RULE = `write KIND/NAME, such as deployment/web; the kind is one of ${Object.keys(KINDS).join(', ')}`;

/** Parses `KIND/NAME`. Accepts kubectl's short and plural names of kinds, in any case. */
export function parseTarget(argument: string): Result<Target> {
	const [word = '', name = '', ...rest] = argument.split('/');
	const kind = WORDS.get(word.toLowerCase());
	if (kind === undefined || rest.length > 0 || !parseName(name).ok) return err(RULE);
	return ok({ kind, name });
}

/** The path of all pods of a namespace. */
export function podsPath(namespace: string): string {
	return `${KINDS.pod.api}/namespaces/${namespace}/pods`;
}

/** The path of a target. */
export function targetPath({ kind, name }: Target, namespace: string): string {
	const { api, plural } = KINDS[kind];
	return `${api}/namespaces/${namespace}/${plural}/${name}`;
}
