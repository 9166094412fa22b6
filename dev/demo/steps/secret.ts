import type { V1Pod } from '@kubernetes/client-node';
import type { SecretsApi } from '../run/api.ts';
import { variableOf } from '../run/fetcher.ts';
import type { Screen } from '../screen.ts';

/** A key that a file of secrets is unlikely to have. */
const KEY = 'PARTNER_TOKEN';
const VALUE = 'not-a-real-token-5';

/** Registers the pod's deployment and sets one of its secrets on the command line, as its owner would. */
export async function showSecret(
	screen: Screen,
	startApi: (org: string) => Promise<SecretsApi>,
	pod: V1Pod,
): Promise<void> {
	screen.heading('3  A secret, set by the command line');
	const deployment = variableOf(pod, 'ENVTIER_DEPLOYMENT') ?? '';
	const service = variableOf(pod, 'ENVTIER_SERVICE');
	const org = variableOf(pod, 'ENVTIER_ORG') ?? 'acme';
	await using api = await startApi(org);
	const place = ['--deployment', deployment, ...(service === undefined ? [] : ['--service', service])];
	const create = ['deployments', 'create', deployment, '--org', org, '--adopt'];
	const set = ['secrets', 'set', KEY, ...place, '--value-stdin'];
	screen.say(
		'dist/api.mjs, the secrets API, runs here on the development Vault. A person or a pipeline calls it with curl or with the command,',
		'which takes no value as an argument: it would stay in the history of the shell. The file has put secrets under the name of the',
		'deployment already, so a platform administrator adopts it.',
	);
	screen.show([
		screen.paint('strong', `$ envtier ${create.join(' ')}`),
		await api.envtier(create),
		screen.paint('strong', `$ get-it-from-somewhere | envtier ${set.join(' ')}`),
		await api.envtier(set, VALUE),
	]);
	const { actor, action, scope, key } = await api.audited(KEY);
	screen.say(
		'The API gives no value back, to nobody. In its audit log:',
		`  ${JSON.stringify({ actor, action, scope, key })}`,
	);
}
