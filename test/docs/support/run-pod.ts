import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import type { V1Container, V1Pod } from '@kubernetes/client-node';
import { makeVolumes, type Volumes } from '../../../dev/demo/run/volumes.ts';
import { buildFetcher } from '../../fetcher/support/fetcher.ts';
import { runProcess } from '../../support/process.ts';
import { scratch } from '../../support/scratch.ts';

/**
 * The kubelet's expansion of variables, commands and arguments (Kubernetes API: EnvVar), if every variable is
 * known.
 */
function expand(text: string, env: Readonly<Record<string, string>>): string {
	return text.replace(/\$\$|\$\(([^)]*)\)/g, (whole, name?: string) =>
		name === undefined ? '$' : (env[name] ?? whole),
	);
}

/** What a `fileKeyRef` means, for values in one line. */
async function fromFile(
	volumes: Volumes,
	pod: V1Pod,
	volume: string,
	path: string,
	key: string,
): Promise<string> {
	const fetcher = pod.spec?.initContainers?.find(({ volumeMounts }) =>
		volumeMounts?.some(({ name }) => name === volume),
	);
	const mount = fetcher?.volumeMounts?.find(({ name }) => name === volume)?.mountPath ?? '';
	if (fetcher === undefined) throw new Error(`nothing fills ${volume}`);
	const text = await readFile(volumes.onHost(fetcher, join(mount, path)), 'utf8');
	const found = new RegExp(`^${key}='(.*)'$`, 'm').exec(text)?.[1];
	if (found === undefined) throw new Error(`${path} has no ${key}`);
	return found;
}

async function environmentOf(
	container: V1Container,
	pod: V1Pod,
	volumes: Volumes,
): Promise<Record<string, string>> {
	const env: Record<string, string> = {};
	for (const { name, value = '', valueFrom } of container.env ?? []) {
		const ref = (valueFrom as { fileKeyRef?: { volumeName: string; path: string; key: string } } | undefined)
			?.fileKeyRef;
		env[name] =
			ref === undefined
				? expand(value, env)
				: await fromFile(volumes, pod, ref.volumeName, ref.path, ref.key);
	}
	return env;
}

/** What came of a pod: the fetcher's termination message, or what its containers printed. */
export interface PodRun {
	/** Each line with its container's name before it. */
	readonly printed: string;
	/** Exit code and termination message of the first fetcher that failed. */
	readonly failed: string | undefined;
}

/**
 * Runs an injected pod on this machine: fetchers and containers are processes with the pod's environment, and
 * mount paths point to directories for the volumes.
 */
export async function runPod(pod: V1Pod): Promise<PodRun> {
	const place = await scratch('docs-pod');
	try {
		const dir = join(place.dir, 'volumes');
		await mkdir(dir);
		const volumes = await makeVolumes(pod, dir);
		const words = join(place.dir, 'termination-log');
		const fetcher = await buildFetcher();
		for (const container of pod.spec?.initContainers ?? []) {
			await writeFile(words, '');
			const env = await environmentOf(container, pod, volumes);
			const onHost = Object.entries(env).map(([name, value]) => [name, volumes.onHost(container, value)]);
			const { code } = await runProcess({
				command: fetcher,
				env: { ...Object.fromEntries(onHost), ENVTIER_TERMINATION_LOG: words },
			});
			if (code !== 0) return { printed: '', failed: `${code} ${await readFile(words, 'utf8')}` };
		}
		const lines: string[] = [];
		for (const container of pod.spec?.containers ?? [])
			lines.push(...(await runContainer(container, pod, volumes)));
		return { printed: lines.join('\n'), failed: undefined };
	} finally {
		await place.remove();
	}
}

async function runContainer(
	container: V1Container,
	pod: V1Pod,
	volumes: Volumes,
): Promise<readonly string[]> {
	const env = await environmentOf(container, pod, volumes);
	const words = [...(container.command ?? []), ...(container.args ?? [])].map((word) =>
		volumes.onHost(container, expand(word, env)),
	);
	const [command, ...args] = words;
	if (command === undefined) throw new Error(`container ${container.name} has no command to run here`);
	const path = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
	const onHost = Object.entries(env).map(([name, value]) => [name, volumes.onHost(container, value)]);
	const { code, stdout, stderr } = await runProcess({
		command,
		args,
		env: { PATH: path, ...Object.fromEntries(onHost) },
	});
	if (code !== 0) throw new Error(`container ${container.name} ended with ${code}: ${stderr}`);
	return stdout
		.trimEnd()
		.split('\n')
		.map((line) => `${container.name}: ${line}`);
}
