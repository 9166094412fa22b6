import type { V1Container, V1Deployment } from '@kubernetes/client-node';
import { object, text } from '../../lib/json.ts';
import { bad, type Check, good, skipped } from './check.ts';
import { type ClusterClient, statusMessage, why } from './cluster.ts';

const ID = 'rotation';
const LIST = '/apis/apps/v1/deployments?labelSelector=app.kubernetes.io/name=envtier-controller';
const DEFAULT_ROLE = 'envtier-rotation';

/** Whether the controller rotates passwords, and the check of its replicas. */
export interface RotationFindings {
	/** None where nothing rotates passwords. */
	readonly checks: readonly Check[];
	/** The Vault role of the rotation; undefined where no controller rotates passwords. */
	readonly role: string | undefined;
}

/** Checks the replicas of the controller, wherever it is installed and rotates passwords. */
export async function rotationCheck(cluster: ClusterClient): Promise<RotationFindings> {
	const none = (...checks: readonly Check[]): RotationFindings => ({ checks, role: undefined });
	const unknown = (what: string): RotationFindings =>
		none(skipped(ID, `not known whether the controller rotates passwords: ${what}`));
	const listed = await cluster.request('GET', LIST);
	if (listed.ok && listed.value.status === 403)
		return unknown(`you may not list deployments: ${statusMessage(listed.value)}`);
	if (!listed.ok || listed.value.status !== 200)
		return none(bad(ID, `Deployments cannot be listed: ${why(listed)}`, 'try again'));
	const [deployment] = (listed.value.body as { items: readonly V1Deployment[] }).items;
	if (deployment === undefined) return none();
	const settings = await settingsOf(cluster, deployment);
	if (typeof settings === 'string') return unknown(settings);
	if (settings['ENVTIER_CONTROLLER_ROTATION'] !== 'true') return none();
	const role = text(settings['ENVTIER_CONTROLLER_ROTATION_VAULT_ROLE']) ?? DEFAULT_ROLE;
	return { checks: [replicasCheck(deployment)], role };
}

/** The variables of the controller from its ConfigMaps and its own; a sentence when one may not be read. */
async function settingsOf(
	cluster: ClusterClient,
	{ metadata, spec }: V1Deployment,
): Promise<Readonly<Record<string, unknown>> | string> {
	const containers = spec?.template.spec?.containers ?? [];
	const container: Partial<V1Container> =
		containers.find(({ name }) => name === 'controller') ?? containers[0] ?? {};
	const found: Record<string, unknown> = {};
	for (const { configMapRef } of container.envFrom ?? []) {
		if (configMapRef?.name === undefined) continue;
		const path = `/api/v1/namespaces/${metadata?.namespace}/configmaps/${configMapRef.name}`;
		const answer = await cluster.request('GET', path);
		if (answer.ok && answer.value.status === 404) continue;
		if (!answer.ok || answer.value.status !== 200)
			return `the ConfigMap ${metadata?.namespace}/${configMapRef.name} cannot be read: ${why(answer)}`;
		Object.assign(found, object(object(answer.value.body)?.['data']));
	}
	for (const { name, value } of container.env ?? []) found[name] = value;
	return found;
}

function replicasCheck({ metadata, status }: V1Deployment): Check {
	const name = `${metadata?.namespace}/${metadata?.name}`;
	const ready = status?.readyReplicas ?? 0;
	return ready > 0
		? good(
				ID,
				`the controller ${name} rotates passwords, and has ${ready} of ${status?.replicas} replicas ready`,
			)
		: bad(
				ID,
				`the controller ${name} has no ready replica: no password rotates`,
				`kubectl --namespace ${metadata?.namespace} logs deployment/${metadata?.name}`,
			);
}
