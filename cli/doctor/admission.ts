import type { V1Pod } from '@kubernetes/client-node';
import type { ApiAnswer } from '../../lib/kubernetes/client.ts';
import { INJECTION_POLICY, WEBHOOK_CONFIGURATION } from '../webhook-configuration.ts';
import { bad, type Check, good, skipped } from './check.ts';
import { statusMessage } from './cluster.ts';
import { type InjectedSettings, injectedSettingsOf } from './probe.ts';

/** Errors of an API server that cannot call a webhook, each with its remedy. The first match counts. */
const BROKEN_CALLS: readonly (readonly [pattern: RegExp, cure: string])[] = [
	[
		/client to provide credentials|ENVTIER_CLIENT_/,
		'the webhook wants a client certificate (ENVTIER_CLIENT_CA) and gets none that it accepts: have the API server show one (deploy/client-auth), or take the setting out',
	],
	[
		/unknown authority|certificate signed by|self-signed/i,
		'the caBundle of the webhook configuration is not the CA of the certificate that the webhook serves: write the right one there (deploy/certs)',
	],
	[/has expired|not yet valid/i, 'renew the webhook’s serving certificate, or compare the clocks'],
	[
		/valid for .*, not |doesn't contain any|not valid for any names|cannot validate certificate/i,
		'issue a serving certificate for the name that the webhook configuration calls (SERVICE.NAMESPACE.svc)',
	],
	[/no endpoints available/i, 'no replica of the webhook is ready: look at its pods'],
	[
		/service .* not found/i,
		'the Service that the webhook configuration calls does not exist: apply the manifests',
	],
	[
		/refused|no route|unreachable|deadline exceeded|timeout|EOF|reset/i,
		'the API server does not reach the webhook: look at its pods, and at network policies and firewalls between the control plane and port 8443',
	],
];

const NOT_ASKED =
	'look at the webhook configuration: its rules, its namespaceSelector against the labels of this namespace, its failurePolicy';

/** Checks whether a pod that asks for secrets gets them. Uses the response to its creation as a dry run. */
export function admissionCheck(
	answer: ApiAnswer,
	namespace: string,
): { readonly check: Check; readonly handed: InjectedSettings | undefined } {
	const id = 'admission';
	if (answer.status === 201) {
		const handed = injectedSettingsOf(answer.body as V1Pod);
		const check =
			handed === undefined
				? bad(
						id,
						`a pod of ${namespace} that asks for secrets is created without them: the webhook was not asked, or its answer was ignored`,
						NOT_ASKED,
					)
				: good(
						id,
						`a pod of ${namespace} that asks for secrets is injected (dry run through the API server)`,
					);
		return { check, handed };
	}
	return { check: refusal(id, statusMessage(answer), namespace, answer.status), handed: undefined };
}

function refusal(id: string, message: string, namespace: string, status: number): Check {
	if (message.includes(`failed calling webhook "${WEBHOOK_CONFIGURATION.webhook}"`)) {
		const cure = BROKEN_CALLS.find(([pattern]) => pattern.test(message))?.[1];
		return bad(id, `the API server cannot call the webhook: ${message}`, cure ?? 'look at the webhook’s log');
	}
	if (message.includes(`admission webhook "${WEBHOOK_CONFIGURATION.webhook}" denied`))
		return bad(id, `the webhook refuses the pod: ${message}`, 'change the pod as the message says');
	if (message.includes(`ValidatingAdmissionPolicy '${INJECTION_POLICY}'`))
		return bad(
			id,
			`a pod of ${namespace} that asks for secrets is refused by the policy that requires injection: the webhook was not asked, or its answer was ignored`,
			NOT_ASKED,
		);
	if (/service ?account.*not found/i.test(message))
		return bad(id, message, 'create the service account, or name another with --service-account');
	if (/namespaces? .*not found/i.test(message))
		return bad(id, message, 'name another namespace with --namespace');
	if (status === 401 || /cannot create resource "pods"/.test(message))
		return skipped(id, `not tried, because you may not create pods in ${namespace}: ${message}`);
	return bad(id, `the pod is refused: ${message}`, 'try another --namespace, or do what the message says');
}
