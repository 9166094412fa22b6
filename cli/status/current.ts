import { err, ok, type Result } from '../../contract/result.ts';
import { ROLLOUT_ANNOTATIONS } from '../../contract/rollout.ts';
import { currentRevision } from '../../controller/rollouts/revision.ts';
import { parseState, type RolloutState } from '../../controller/rollouts/state.ts';
import type { LiveKeys } from '../../controller/vault/folder.ts';
import { type MetadataReader, openMetadata } from '../../controller/vault/metadata.ts';
import type { PodInputs } from '../../controller/workloads/pod-inputs.ts';
import { object, text } from '../../lib/json.ts';
import { openVaultClient } from '../../lib/vault/client.ts';
import { responseOf } from '../../lib/vault/response.ts';
import type { Context } from '../context.ts';
import { type ClusterClient, statusMessage } from '../doctor/cluster.ts';
import { type Target, targetPath } from '../refresh/target.ts';
import { VAULT_TIMEOUT } from '../vault/client.ts';
import { type AdminSettings, readAdminSettings } from '../vault/settings.ts';

/** The revision that a new pod would read, and who says so. */
export interface Current {
	readonly revision: string;
	readonly from: 'vault' | 'controller';
	/** What the controller has recorded of the workload. */
	readonly state: RolloutState | undefined;
}

/** Tells the current revision of pods. The error of an answer is why it is not known. */
export interface CurrentRevisions {
	of(inputs: PodInputs, workload: Target | undefined): Promise<Result<Current>>;
	close(): void;
}

/** Vault with the caller's token; undefined if there is none. */
export async function vaultSettings({ env, stdin }: Context): Promise<Result<AdminSettings | undefined>> {
	const named = (name: string): boolean => Boolean(env[`VAULT_${name}`] || env[`BAO_${name}`]);
	return named('ADDR') && named('TOKEN') ? await readAdminSettings(env, stdin, 'status') : ok(undefined);
}

/** Opens the sources: Vault if there are settings for it, and what the controller has recorded. */
export function openCurrent(
	cluster: ClusterClient,
	namespace: string,
	settings: AdminSettings | undefined,
): CurrentRevisions {
	const vault = settings === undefined ? undefined : openVaultSource(settings);
	const states = new Map<string, Promise<Result<RolloutState>>>();
	const stateOf = (workload: Target): Promise<Result<RolloutState>> => {
		const path = targetPath(workload, namespace);
		const known = states.get(path) ?? readState(cluster, path);
		states.set(path, known);
		return known;
	};
	return {
		of: async (inputs, workload) => {
			const recorded = workload === undefined ? undefined : await stateOf(workload);
			const state =
				recorded?.ok === true && recorded.value.inputs === inputs.hash ? recorded.value : undefined;
			if (vault !== undefined) {
				const revision = await vault.current(inputs);
				return revision.ok ? ok({ revision: revision.value, from: 'vault', state }) : revision;
			}
			if (state !== undefined)
				return ok({ revision: state.pending ?? state.revision, from: 'controller', state });
			return err(`${whyNot(recorded)}; with VAULT_ADDR and VAULT_TOKEN it is read from Vault`);
		},
		close: () => vault?.close(),
	};
}

function whyNot(recorded: Result<RolloutState> | undefined): string {
	if (recorded === undefined)
		return 'no controller records what is current for this pod (only for workloads with envtier.dev/on-change: rollout)';
	return recorded.ok ? 'what the controller recorded is of pods that read other keys' : recorded.error;
}

async function readState(cluster: ClusterClient, path: string): Promise<Result<RolloutState>> {
	const answer = await cluster.request('GET', path);
	if (!answer.ok) return err(`its workload cannot be read: ${answer.error.message}`);
	const { status, body } = answer.value;
	if (status === 403) return err(`you may not get its workload: ${statusMessage(answer.value)}`);
	if (status !== 200) return err(`its workload cannot be read: ${statusMessage(answer.value)}`);
	const annotations = object(object(object(body)?.['metadata'])?.['annotations']);
	const state = parseState(text(annotations?.[ROLLOUT_ANNOTATIONS.state]));
	return state === undefined ? err('no controller has recorded its revision') : ok(state);
}

/** Reads the versions of keys with the caller's token, each folder once. */
function openVaultSource({ address, token, ca }: AdminSettings) {
	const clients = new Map<string, ReturnType<typeof openVaultClient>>();
	const readers = new Map<string, MetadataReader>();
	const folders = new Map<string, Promise<Result<LiveKeys>>>();
	const readerOf = ({ namespace, mount }: PodInputs): MetadataReader => {
		const place = `${namespace ?? ''} ${mount}`;
		const known = readers.get(place);
		if (known !== undefined) return known;
		const client =
			clients.get(namespace ?? '') ??
			openVaultClient({ address, ca, namespace, tlsName: undefined, timeout: VAULT_TIMEOUT });
		clients.set(namespace ?? '', client);
		const ask = async (_kind: string, send: (own: string) => ReturnType<typeof client.read>) =>
			responseOf(await send(token), client);
		const reader = openMetadata(client, ask, mount, 'the policy of your token');
		readers.set(place, reader);
		return reader;
	};
	return {
		current: async (inputs: PodInputs): Promise<Result<string>> => {
			const reader = readerOf(inputs);
			const place = `${inputs.namespace ?? ''} ${inputs.mount} `;
			const names = inputs.fetchers.flatMap(({ tiers }) => tiers.map(({ folder }) => folder));
			const read = new Map<string, LiveKeys>();
			for (const folder of new Set(names)) {
				const reading = folders.get(place + folder) ?? reader.read(folder);
				folders.set(place + folder, reading);
				const keys = await reading;
				if (!keys.ok) return keys;
				read.set(folder, keys.value);
			}
			return ok(currentRevision(inputs, (folder) => read.get(folder)) ?? '');
		},
		close: () => {
			for (const client of clients.values()) client.close();
		},
	};
}
