import type { V1Pod } from '@kubernetes/client-node';
import { TIERS, type TierNames } from '../../../contract/tiers.ts';
import type { VariableName } from '../../../contract/variables.ts';
import type { DevVault } from '../../vault/start.ts';
import { type FetchReport, fetcherOf, runFetcher, variableOf } from '../run/fetcher.ts';
import { type Holders, holdersOf, requestsInWords } from '../run/vault-view.ts';
import type { Volumes } from '../run/volumes.ts';
import type { Screen } from '../screen.ts';

/** Dependencies of this step. */
export interface FetchStepContext {
	readonly pod: V1Pod;
	readonly volumes: Volumes;
	readonly vault: DevVault;
	/** The file with the secrets of that Vault, for the text. */
	readonly vaultFile: string;
	/** An empty directory. */
	readonly dir: string;
}

/** Runs the fetcher as the pod's init container does, and shows the tier of each key. */
export async function showFetch(screen: Screen, parts: FetchStepContext): Promise<void> {
	const { pod, volumes, vault, vaultFile, dir } = parts;
	screen.heading('4  What the fetcher does in the init container');
	const container = fetcherOf(pod);
	const setting = (name: VariableName) => variableOf(pod, name);
	const earlier = vault.requests.length;
	const report = await runFetcher(container, volumes, dir);
	const requests = requestsInWords(vault.requests.slice(earlier));
	screen.say(
		'dist/fetcher was run with exactly the environment that the pod gives it, its volumes being folders here.',
		`It logged in to the development Vault, which holds ${vaultFile} and the new secret, as role "${setting('ENVTIER_VAULT_ROLE')}".`,
		'For each key the last tier that has it wins:',
	);
	const holders = await holdersOf(vault, tierNamesOf(setting), TIERS);
	screen.table(['key', 'taken from', 'overrides'], rowsOf(report, holders));
	screen.say(
		`${report.files.length === 1 ? 'File' : 'Files'} written: ${report.files.map((file) => volumes.inPod(container, file)).join(', ')}`,
		`Requests to Vault: ${requests}; over ${report.protocol}; whole process: ${report.milliseconds} ms`,
	);
}

function tierNamesOf(setting: (name: VariableName) => string | undefined): TierNames {
	const org = setting('ENVTIER_ORG');
	const deployment = setting('ENVTIER_DEPLOYMENT');
	const service = setting('ENVTIER_SERVICE');
	return {
		...(org === undefined ? {} : { org }),
		...(deployment === undefined ? {} : { deployment }),
		...(service === undefined ? {} : { service }),
	};
}

function rowsOf({ keys }: FetchReport, holders: Holders): string[][] {
	const entries = Object.entries(keys).flatMap(([tier, names]) => names.map((key) => ({ key, tier })));
	return entries
		.sort((a, b) => (a.key < b.key ? -1 : 1))
		.map(({ key, tier }) => {
			const others = (holders.get(key) ?? []).filter((holder) => holder !== tier);
			return [key, tier, others.length === 0 ? '–' : others.join(', ')];
		});
}
