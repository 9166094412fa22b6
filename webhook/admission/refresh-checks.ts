import { ANNOTATION_PREFIX } from '../../contract/names.ts';
import type { ContainerFacts } from '../pod/container.ts';
import type { PodFacts } from '../pod/pod.ts';
import type { UserIds } from '../pod/user-ids.ts';
import type { InjectionSettings } from '../settings.ts';
import type { FetchSpec } from './fetch-spec.ts';
import { quoted } from './redact.ts';
import type { RefreshSpec } from './refresh.ts';
import { type Rejection, reject } from './rejection.ts';

/** What the checks of one pod look at. */
interface Subject {
	readonly pod: PodFacts;
	readonly readers: readonly ContainerFacts[];
	/** The users that sidecars run as. */
	readonly userIds: readonly UserIds[];
	readonly fetchSpec: FetchSpec & { readonly refresh: RefreshSpec };
	/** Whether sidecars start before the pod's other init containers, or after them. */
	readonly order: 'first' | 'last';
	readonly settings: InjectionSettings;
}

const ON_CHANGE = `annotation ${ANNOTATION_PREFIX}on-change`;
/** The annotation that asks for a sidecar. */
const asking = ({ fetchSpec: { refresh } }: Subject): string => {
	const [lease] = refresh.leases.keys();
	return `${ANNOTATION_PREFIX}${lease === undefined ? 'refresh' : `lease.${lease}`}`;
};

/** Why the files of this pod cannot be kept current as its annotations ask; undefined if they can. */
export function refreshProblem(subject: Subject): Rejection | undefined {
	return (
		sidecarProblem(subject) ??
		unusedRefresh(subject) ??
		restartProblem(subject) ??
		signalProblem(subject) ??
		postProblem(subject) ??
		exposedVolume(subject)
	);
}

/**
 * An API server before 1.29 drops the field that makes a sidecar of an init container: the pod would wait for
 * its end.
 */
function sidecarProblem(subject: Subject): Rejection | undefined {
	const { sidecars } = subject.settings;
	if (sidecars.ok) return undefined;
	return reject(
		'refresh-unavailable',
		`annotation ${asking(subject)} needs a native sidecar, but ${sidecars.error}`,
	);
}

/**
 * Kubernetes sets variables when a container starts: without a file, a restart or a rollout nobody would see
 * a change.
 */
function unusedRefresh(subject: Subject): Rejection | undefined {
	const { formats, refresh, rollout } = subject.fetchSpec;
	if (formats.length > 0 || refresh.onChange.kind === 'restart' || rollout) return undefined;
	return reject(
		'refresh-unused',
		`annotation ${asking(subject)} keeps files current, but no container reads a file: Kubernetes sets variables when a container starts. Set ${ANNOTATION_PREFIX}on-change to "restart", set ${ANNOTATION_PREFIX}format to the files that the application reads, or remove ${asking(subject)}`,
	);
}

/**
 * With restartPolicy Never a restart of all containers runs finished containers again, and a Job reaches its
 * backoff limit after two of them.
 */
function restartProblem({ pod, fetchSpec, settings }: Subject): Rejection | undefined {
	if (fetchSpec.refresh.onChange.kind !== 'restart') return undefined;
	if (pod.restartPolicy !== 'Always')
		return reject(
			'restart-unavailable',
			`${ON_CHANGE} "restart" needs a pod with the restartPolicy Always, but this pod has ${quoted(pod.restartPolicy)}, and a restart would run its finished containers again: use a signal or a POST, or remove ${ANNOTATION_PREFIX}on-change`,
		);
	if (settings.inPlaceRestart.ok) return undefined;
	return reject(
		'restart-unavailable',
		`${ON_CHANGE} "restart" needs an in-place restart of all containers, but ${settings.inPlaceRestart.error}. A signal or a POST works without a restart`,
	);
}

function signalProblem({ pod, fetchSpec }: Subject): Rejection | undefined {
	if (fetchSpec.refresh.onChange.kind !== 'signal' || pod.sharedProcesses) return undefined;
	return reject(
		'signal-unavailable',
		`${ON_CHANGE} sends a signal, but the sidecar does not see the processes of other containers: set shareProcessNamespace to true in the pod, or use a POST`,
	);
}

/** With hostNetwork, localhost is the node's: any process there could listen on that port. */
function postProblem({ pod, fetchSpec }: Subject): Rejection | undefined {
	if (fetchSpec.refresh.onChange.kind !== 'post' || !pod.hostNetwork) return undefined;
	return reject(
		'post-unavailable',
		`${ON_CHANGE} sends a POST to localhost, which with hostNetwork is the node and not the pod: use a signal, or remove hostNetwork`,
	);
}

/**
 * In a shared process namespace, of the pod or of the node, a process reads the files of another one of the
 * same user through /proc/PID/root (ptrace(2), "Ptrace access mode checking"), and with CAP_SYS_PTRACE those
 * of any user: so also the private volume, with the tokens.
 */
function exposedVolume(subject: Subject): Rejection | undefined {
	const { pod, readers, userIds, order } = subject;
	if (!pod.sharedProcesses && !pod.hostPid) return undefined;
	const reading = new Set(readers.map(({ list, index }) => `${list}/${index}`));
	const users = new Set(userIds.map(({ user }) => user));
	const besideSidecar = (pod.initContainers ?? []).filter(({ sidecar }) => sidecar || order === 'first');
	const others = [...pod.containers, ...besideSidecar];
	for (const container of others) {
		if (reading.has(`${container.list}/${container.index}`)) continue;
		const user = container.user ?? pod.user;
		const why = accessOf(container, user, users);
		if (why === undefined) continue;
		return reject(
			'private-volume-exposed',
			`annotation ${asking(subject)} with ${pod.hostPid ? 'hostPID' : 'shareProcessNamespace'}: container ${quoted(container.name)} gets no secrets but ${why}, so it could read the tokens of the sidecar through /proc: give it a runAsUser of its own other than 0, or give it the secrets as well`,
		);
	}
	return undefined;
}

/** Warnings for the author of a pod whose containers are restarted in place. */
export function restartWarnings(
	{ containers, initContainers = [] }: PodFacts,
	refresh: RefreshSpec,
): readonly string[] {
	if (refresh.onChange.kind !== 'restart') return [];
	const hooked = [...containers, ...initContainers].filter(({ preStop }) => preStop);
	const again = initContainers.filter(({ sidecar }) => !sidecar);
	const warnings: string[] = [];
	// A rollout is refused with leases.
	const other = refresh.leases.size > 0 ? '' : '. "rollout" runs it: old pods end as usual';
	if (hooked.length > 0)
		warnings.push(
			`${ON_CHANGE} "restart" does not run the preStop hook of ${named(hooked)}: each container gets SIGTERM, and 2 s later SIGKILL${other}`,
		);
	if (again.length > 0)
		warnings.push(
			`${ON_CHANGE} "restart" runs these init containers again with each restart, so they must be repeatable: ${named(again)}`,
		);
	return warnings;
}

/** How a container can read the files of the sidecar; undefined if it cannot. */
function accessOf(
	{ tracesProcesses, changesUser }: ContainerFacts,
	user: number | undefined,
	users: ReadonlySet<number>,
): string | undefined {
	if (tracesProcesses) return 'may trace processes';
	if (user === undefined) return 'does not say its user, which may be that of the sidecar';
	if (users.has(user)) return `runs as the user ${user} of the sidecar`;
	return user === 0 && changesUser ? 'runs as root, which may become the user of the sidecar' : undefined;
}

const LISTED = 5;

function named(containers: readonly ContainerFacts[]): string {
	const shown = containers.slice(0, LISTED).map(({ name }) => quoted(name));
	return `${shown.join(', ')}${containers.length > LISTED ? ` and ${containers.length - LISTED} more` : ''}`;
}
