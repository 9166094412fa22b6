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

/** Kubernetes sets variables when a container starts: without a file nobody would see a change. */
function unusedRefresh(subject: Subject): Rejection | undefined {
	if (subject.fetchSpec.formats.length > 0) return undefined;
	return reject(
		'refresh-unused',
		`annotation ${asking(subject)} keeps files current, but no container reads a file: Kubernetes sets variables when a container starts. Set ${ANNOTATION_PREFIX}format to the files that the application reads, or remove ${asking(subject)}`,
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
 * In a shared process namespace a process reads the files of another one of the same user through
 * /proc/PID/root (ptrace(2), "Ptrace access mode checking"), and with CAP_SYS_PTRACE those of any user: so
 * also the private volume, with the tokens.
 */
function exposedVolume(subject: Subject): Rejection | undefined {
	const { pod, readers, userIds } = subject;
	if (!pod.sharedProcesses) return undefined;
	const reading = new Set(readers.map(({ list, index }) => `${list}/${index}`));
	const users = new Set(userIds.map(({ user }) => user));
	const others = [...pod.containers, ...(pod.initContainers ?? []).filter(({ sidecar }) => sidecar)];
	for (const container of others) {
		if (reading.has(`${container.list}/${container.index}`)) continue;
		const user = container.user ?? pod.user;
		if (!container.tracesProcesses && user !== undefined && !users.has(user)) continue;
		const why = container.tracesProcesses
			? 'may trace processes'
			: user === undefined
				? 'does not say its user, which may be that of the sidecar'
				: `runs as the user ${user} of the sidecar`;
		return reject(
			'private-volume-exposed',
			`annotation ${asking(subject)} with shareProcessNamespace: container ${quoted(container.name)} gets no secrets but ${why}, so it could read the tokens of the sidecar through /proc: give it a runAsUser of its own, or give it the secrets as well`,
		);
	}
	return undefined;
}
