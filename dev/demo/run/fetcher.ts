import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1Container, V1Pod } from '@kubernetes/client-node';
import { INJECTED } from '../../../contract/names.ts';
import type { Tier } from '../../../contract/tiers.ts';
import type { VariableName } from '../../../contract/variables.ts';
import { runProcess } from '../../../test/support/process.ts';
import { builtProgram } from './programs.ts';
import type { Volumes } from './volumes.ts';

/** The report in the fetcher's log. */
export interface FetchReport {
	/** The written keys, by the tier of each. */
	readonly keys: Readonly<Partial<Record<Tier, readonly string[]>>>;
	readonly files: readonly string[];
	readonly requests: number;
	/** The HTTP version of the requests to Vault. */
	readonly protocol: string;
	/** Time from the start of the process to its end, measured from outside. */
	readonly milliseconds: number;
}

/**
 * Runs dist/fetcher with the environment of the init container. Only paths differ: they point to the
 * directories of its volumes.
 *
 * @param dir an empty directory for the termination message, which the kubelet would create
 */
export async function runFetcher(
	container: V1Container,
	volumes: Volumes,
	dir: string,
): Promise<FetchReport> {
	const messageFile = join(dir, 'termination-log');
	await writeFile(messageFile, '');
	const variables = (container.env ?? []).map(({ name, value = '' }) => [
		name,
		volumes.onHost(container, value),
	]);
	const start = performance.now();
	const result = await runProcess({
		name: 'the fetcher',
		command: await builtProgram('fetcher'),
		env: { ...Object.fromEntries(variables), ENVTIER_TERMINATION_LOG: messageFile },
	});
	const milliseconds = Math.round(performance.now() - start);
	if (result.code !== 0) {
		const words = await readFile(messageFile, 'utf8');
		throw new Error(
			`the fetcher ended with ${result.signal ?? result.code}: ${words || result.stderr.trim()}`,
		);
	}
	const line = result.stdout.split('\n').find((text) => text.includes('"msg":"secrets written"'));
	if (line === undefined)
		throw new Error('the fetcher ended well, but its log does not say what it has written');
	return { ...(JSON.parse(line) as Omit<FetchReport, 'milliseconds'>), milliseconds };
}

/** The init container that the webhook has added. Throws if there is none. */
export function fetcherOf(pod: V1Pod): V1Container {
	const container = pod.spec?.initContainers?.find(({ name }) => name === INJECTED.container);
	if (container === undefined)
		throw new Error('the pod asks for no secrets, so the webhook left it as it is');
	return container;
}

/** The value of a variable that the webhook has set for the fetcher. */
export function variableOf(pod: V1Pod, name: VariableName): string | undefined {
	return fetcherOf(pod).env?.find((variable) => variable.name === name)?.value;
}
