import { isFetcherName } from './added-names.ts';
import { id, item, type Json, list, object, text, texts } from './json.ts';

/** What a decision needs to know of one container. */
export interface ContainerFacts {
	readonly list: 'containers' | 'initContainers';
	readonly index: number;
	readonly name: string;
	readonly user: number | undefined;
	readonly group: number | undefined;
	/** False for a container in which root may not read other users' files. */
	readonly overridesFileModes: boolean;
	/** A native sidecar (KEP-753): an init container that keeps running. */
	readonly sidecar: boolean;
	/** Whether it has a preStop hook. */
	readonly preStop: boolean;
	/** Whether root in it may become another user (CAP_SETUID). */
	readonly changesUser: boolean;
	/** Whether it may read the memory and files of processes of other users (CAP_SYS_PTRACE). */
	readonly tracesProcesses: boolean;
	/** Undefined when the container has no `volumeMounts` at all. */
	readonly mounts: readonly Mount[] | undefined;
	readonly devices: readonly string[];
	/** Path of its termination message file. Undefined: the default below /dev. */
	readonly terminationPath: string | undefined;
	/** Names of its variables; undefined when the container has no `env` at all. */
	readonly env: readonly string[] | undefined;
	/** Native variables: which key of which volume the kubelet reads. */
	readonly fromFiles: readonly FileVariable[];
	/** Undefined when the image's entry point is what runs. */
	readonly command: readonly string[] | undefined;
	readonly requests: Json;
	readonly limits: Json;
	/** The whole container as decoded from JSON; set for init containers with the name of a fetcher alone. */
	readonly raw: Json | undefined;
}

/** A volume as a container sees it. */
export interface Mount {
	/** Where it stands in the container's `volumeMounts`. */
	readonly index: number;
	readonly volume: string;
	readonly path: string;
	readonly readOnly: boolean;
	/** True for a mount of the whole volume that is not propagated. */
	readonly plain: boolean;
}

/** A native variable (`fileKeyRef`). */
export interface FileVariable {
	/** Where it stands in the container's `env`. */
	readonly index: number;
	readonly name: string;
	readonly volume: string;
	/** Of the file in the volume. */
	readonly path: string;
	readonly key: string;
	readonly optional: boolean;
}

/** Names of the capabilities that a container adds and drops, in capitals and without `CAP_`. */
function capabilities(security: Json, path: string) {
	const found = object(security['capabilities'], `${path}.capabilities`);
	const names = (field: string): readonly string[] =>
		(list(found[field], `${path}.capabilities.${field}`) ?? []).map((name, i) =>
			(text(name, `${path}.capabilities.${field}[${i}]`) ?? '').toUpperCase().replace(/^CAP_/, ''),
		);
	return { added: names('add'), dropped: names('drop') };
}

/** Whether root in a container has a capability that container runtimes grant unless it is dropped. */
function hasByDefault(security: Json, path: string, capability: string): boolean {
	if (security['privileged'] === true) return true;
	const { added, dropped } = capabilities(security, path);
	if (added.some((name) => ['ALL', capability].includes(name))) return true;
	return !dropped.some((name) => ['ALL', capability].includes(name));
}

/**
 * Whether root in this container may read files of other users: it has CAP_DAC_OVERRIDE, or the weaker
 * CAP_DAC_READ_SEARCH (capabilities(7)).
 */
function overridesFileModes(security: Json, path: string): boolean {
	if (hasByDefault(security, path, 'DAC_OVERRIDE')) return true;
	return capabilities(security, path).added.includes('DAC_READ_SEARCH');
}

/** Whether a container has CAP_SYS_PTRACE, which container runtimes grant only where it is asked for. */
function tracesProcesses(security: Json, path: string): boolean {
	if (security['privileged'] === true) return true;
	return capabilities(security, path).added.some((name) => ['ALL', 'SYS_PTRACE'].includes(name));
}

/** For a warning only, so a field of another type is left to the API server. */
function hasPreStop(lifecycle: unknown): boolean {
	return typeof lifecycle === 'object' && ((lifecycle as Json | null)?.['preStop'] ?? null) !== null;
}

function fileVariables(env: readonly unknown[], path: string): readonly FileVariable[] {
	return env.flatMap((each, index) => {
		const at = `${path}[${index}]`;
		const variable = item(each, at);
		const from = object(variable['valueFrom'], `${at}.valueFrom`)['fileKeyRef'];
		if (from === undefined || from === null) return [];
		const reference = object(from, `${at}.valueFrom.fileKeyRef`);
		const field = (name: string) => text(reference[name], `${at}.valueFrom.fileKeyRef.${name}`) ?? '';
		return {
			index,
			name: text(variable['name'], `${at}.name`) ?? '',
			volume: field('volumeName'),
			path: field('path'),
			key: field('key'),
			optional: reference['optional'] === true,
		};
	});
}

function mountFacts(value: unknown, path: string, index: number): Mount {
	const raw = item(value, path);
	const propagation = raw['mountPropagation'] ?? 'None';
	return {
		index,
		volume: text(raw['name'], `${path}.name`) ?? '',
		path: text(raw['mountPath'], `${path}.mountPath`) ?? '',
		readOnly: raw['readOnly'] === true,
		plain: !raw['subPath'] && !raw['subPathExpr'] && propagation === 'None',
	};
}

/** Reads the facts of one container. Throws `Malformed`. */
export function containerFacts(value: unknown, at: ContainerFacts['list'], index: number): ContainerFacts {
	const path = `spec.${at}[${index}]`;
	const raw = item(value, path);
	const security = object(raw['securityContext'], `${path}.securityContext`);
	const resources = object(raw['resources'], `${path}.resources`);
	const name = text(raw['name'], `${path}.name`) ?? '';
	return {
		list: at,
		index,
		name,
		user: id(security['runAsUser'], `${path}.securityContext.runAsUser`),
		group: id(security['runAsGroup'], `${path}.securityContext.runAsGroup`),
		overridesFileModes: overridesFileModes(security, `${path}.securityContext`),
		sidecar: raw['restartPolicy'] === 'Always',
		preStop: hasPreStop(raw['lifecycle']),
		changesUser: hasByDefault(security, `${path}.securityContext`, 'SETUID'),
		tracesProcesses: tracesProcesses(security, `${path}.securityContext`),
		mounts: list(raw['volumeMounts'], `${path}.volumeMounts`)?.map((mount, i) =>
			mountFacts(mount, `${path}.volumeMounts[${i}]`, i),
		),
		devices: texts(raw['volumeDevices'], 'devicePath', `${path}.volumeDevices`) ?? [],
		terminationPath: text(raw['terminationMessagePath'], `${path}.terminationMessagePath`),
		env: texts(raw['env'], 'name', `${path}.env`),
		fromFiles: fileVariables(list(raw['env'], `${path}.env`) ?? [], `${path}.env`),
		command: list(raw['command'], `${path}.command`)?.map(
			(word, i) => text(word, `${path}.command[${i}]`) ?? '',
		),
		requests: object(resources['requests'], `${path}.resources.requests`),
		limits: object(resources['limits'], `${path}.resources.limits`),
		raw: at === 'initContainers' && isFetcherName(name) ? raw : undefined,
	};
}
