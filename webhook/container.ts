import { INJECTED } from '../contract/names.ts';
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
	/** Undefined when the container has no `volumeMounts` at all. */
	readonly mounts: readonly Mount[] | undefined;
	readonly devices: readonly string[];
	/** Where the kubelet mounts the file of its last words; undefined where it says nothing, so below /dev. */
	readonly terminationPath: string | undefined;
	/** Names of its variables; undefined when the container has no `env` at all. */
	readonly env: readonly string[] | undefined;
	/** Native variables, by name: which key of which volume the kubelet reads. */
	readonly fromFiles: ReadonlyMap<string, FileKey>;
	/** Undefined when the image's entry point is what runs. */
	readonly command: readonly string[] | undefined;
	readonly requests: Json;
	readonly limits: Json;
	/** Set for containers that bear the name of an injected one, to tell it from an impostor. */
	readonly injected: InjectedFacts | undefined;
}

/** A volume as a container sees it. */
export interface Mount {
	readonly volume: string;
	readonly path: string;
	readonly readOnly: boolean;
}

/** Where a native variable comes from (`fileKeyRef`). */
export interface FileKey {
	readonly volume: string;
	readonly key: string;
}

/** What tells an injected container from one that only has its name. */
export interface InjectedFacts {
	readonly image: string | undefined;
	/** True when `command`, `args` or `envFrom` is set, or a restart policy: for the end of a sidecar nobody waits. */
	readonly altered: boolean;
	/** The last value of each variable, as the kubelet applies them; undefined for one that is not given as plain text. */
	readonly env: ReadonlyMap<string, string | undefined>;
}

/**
 * Whether root in this container may read files of other users. Container runtimes grant CAP_DAC_OVERRIDE unless it is
 * dropped; capabilities(7): reading needs that one or CAP_DAC_READ_SEARCH.
 */
function overridesFileModes(security: Json, path: string): boolean {
	if (security['privileged'] === true) return true;
	if (security['capabilities'] === undefined) return true;
	const capabilities = object(security['capabilities'], `${path}.capabilities`);
	const names = (field: string): readonly string[] =>
		(list(capabilities[field], `${path}.capabilities.${field}`) ?? []).map((name, i) =>
			(text(name, `${path}.capabilities.${field}[${i}]`) ?? '').toUpperCase().replace(/^CAP_/, ''),
		);
	if (names('add').some((name) => ['ALL', 'DAC_OVERRIDE', 'DAC_READ_SEARCH'].includes(name))) return true;
	return !names('drop').some((name) => ['ALL', 'DAC_OVERRIDE'].includes(name));
}

function injectedFacts(raw: Json, path: string): InjectedFacts {
	const env = (list(raw['env'], `${path}.env`) ?? []).map((each, i): [string, string | undefined] => {
		const variable = item(each, `${path}.env[${i}]`);
		const from = variable['valueFrom'];
		const value = text(variable['value'], `${path}.env[${i}].value`) ?? '';
		return [text(variable['name'], `${path}.env[${i}].name`) ?? '', from ? undefined : value];
	});
	return {
		image: text(raw['image'], `${path}.image`),
		altered:
			text(raw['restartPolicy'], `${path}.restartPolicy`) !== undefined ||
			['command', 'args', 'envFrom'].some((field) => (list(raw[field], `${path}.${field}`)?.length ?? 0) > 0),
		env: new Map(env),
	};
}

function fileKeys(env: readonly unknown[], path: string): ReadonlyMap<string, FileKey> {
	const found = new Map<string, FileKey>();
	for (const [i, each] of env.entries()) {
		const at = `${path}[${i}]`;
		const variable = item(each, at);
		const from = object(variable['valueFrom'], `${at}.valueFrom`)['fileKeyRef'];
		if (from === undefined || from === null) continue;
		const reference = object(from, `${at}.valueFrom.fileKeyRef`);
		found.set(text(variable['name'], `${at}.name`) ?? '', {
			volume: text(reference['volumeName'], `${at}.valueFrom.fileKeyRef.volumeName`) ?? '',
			key: text(reference['key'], `${at}.valueFrom.fileKeyRef.key`) ?? '',
		});
	}
	return found;
}

function mountFacts(value: unknown, path: string): Mount {
	const raw = item(value, path);
	return {
		volume: text(raw['name'], `${path}.name`) ?? '',
		path: text(raw['mountPath'], `${path}.mountPath`) ?? '',
		readOnly: raw['readOnly'] === true,
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
		mounts: list(raw['volumeMounts'], `${path}.volumeMounts`)?.map((mount, i) =>
			mountFacts(mount, `${path}.volumeMounts[${i}]`),
		),
		devices: texts(raw['volumeDevices'], 'devicePath', `${path}.volumeDevices`) ?? [],
		terminationPath: text(raw['terminationMessagePath'], `${path}.terminationMessagePath`),
		env: texts(raw['env'], 'name', `${path}.env`),
		fromFiles: fileKeys(list(raw['env'], `${path}.env`) ?? [], `${path}.env`),
		command: list(raw['command'], `${path}.command`)?.map(
			(word, i) => text(word, `${path}.command[${i}]`) ?? '',
		),
		requests: object(resources['requests'], `${path}.resources.requests`),
		limits: object(resources['limits'], `${path}.resources.limits`),
		injected: name.startsWith(INJECTED.container) ? injectedFacts(raw, path) : undefined,
	};
}
