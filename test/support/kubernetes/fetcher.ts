import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { V1Container, V1Pod } from '@kubernetes/client-node';
import { INJECTED } from '../../../contract/names.ts';
import { buildFetcher } from '../../fetcher/support/fetcher.ts';
import { type Finished, runProcess } from '../process.ts';
import { type Cluster, expectStatus } from './cluster.ts';

/** What became of one run of the fetcher. */
export interface Fetched extends Finished {
	/** The directory that stands for the pod's volume. */
	readonly out: string;
	/** The termination message, as `kubectl describe pod` would show them. */
	readonly terminationMessageFile: string;
	/** Removes the directory. */
	clean(): Promise<void>;
}

/** What the environment of a stored init container says, as plain strings. */
function containerEnv(container: V1Container): Readonly<Record<string, string>> {
	return Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value ?? '']));
}

/** The init container that injection added to a stored pod. */
export function fetcherOf(pod: V1Pod): V1Container {
	const found = pod.spec?.initContainers?.find(({ name }) => name === INJECTED.container);
	if (found === undefined) throw new Error(`pod ${pod.metadata?.name} has no ${INJECTED.container}`);
	return found;
}

/**
 * Does what a kubelet does with the injected init container of a stored pod: requests the token of its
 * projected volume, bound to that pod, and runs the built fetcher with exactly the pod's environment. Only
 * the mount paths point into a temporary directory.
 */
export async function runStoredFetcher(cluster: Cluster, pod: V1Pod): Promise<Fetched> {
	const dir = await mkdtemp(join(tmpdir(), 'envtier-fetcher-'));
	const tokenFile = join(dir, 'token');
	const terminationMessageFile = join(dir, 'termination-log');
	await writeFile(tokenFile, await projectedToken(cluster, pod), { mode: 0o600 });
	await writeFile(terminationMessageFile, '');
	const finished = await runProcess({
		name: 'fetcher',
		command: await buildFetcher(),
		env: {
			...containerEnv(fetcherOf(pod)),
			ENVTIER_OUT: dir,
			ENVTIER_TOKEN_FILE: tokenFile,
			ENVTIER_TERMINATION_LOG: terminationMessageFile,
		},
	});
	return {
		...finished,
		out: dir,
		terminationMessageFile,
		clean: () => rm(dir, { recursive: true, force: true }),
	};
}

async function projectedToken(cluster: Cluster, pod: V1Pod): Promise<string> {
	const volume = pod.spec?.volumes?.find(({ name }) => name === INJECTED.tokenVolume);
	const projection = volume?.projected?.sources?.[0]?.serviceAccountToken;
	if (projection === undefined) throw new Error(`pod ${pod.metadata?.name} has no ${INJECTED.tokenVolume}`);
	const account = `/api/v1/namespaces/${pod.metadata?.namespace}/serviceaccounts/${pod.spec?.serviceAccountName}`;
	const answer = await cluster.request<{ status: { token: string } }>('POST', `${account}/token`, {
		apiVersion: 'authentication.k8s.io/v1',
		kind: 'TokenRequest',
		spec: {
			audiences: [projection.audience],
			expirationSeconds: projection.expirationSeconds,
			boundObjectRef: {
				apiVersion: 'v1',
				kind: 'Pod',
				name: pod.metadata?.name,
				uid: pod.metadata?.uid,
			},
		},
	});
	return expectStatus(answer, 201, 'asking for the token of the projected volume').status.token;
}
