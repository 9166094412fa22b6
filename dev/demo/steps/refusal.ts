import type { V1Pod } from '@kubernetes/client-node';
import type { Webhook } from '../run/webhook.ts';
import type { Screen } from '../screen.ts';

const MEANT = 'envtier.dev/service';
const TYPED = 'envtier.dev/sevrice';

/** Sends the same pod with a misspelt annotation to the webhook, and shows the refusal. */
export async function showRefusal(
	screen: Screen,
	webhook: Webhook,
	pod: V1Pod,
	webhookName: string,
): Promise<void> {
	screen.heading('6  What a typo looks like');
	const { [MEANT]: value = 'web', ...others } = pod.metadata?.annotations ?? {};
	const misspelt = { ...pod, metadata: { ...pod.metadata, annotations: { ...others, [TYPED]: value } } };
	const answer = await webhook.ask(misspelt);
	if (answer.allowed) throw new Error(`the webhook lets a pod through that says ${TYPED}`);
	screen.say(
		'A pod must not start without its secrets because of a slip of the pen. The same pod again, with',
	);
	screen.show([
		screen.paint('removed', `-    ${MEANT}: ${value}`),
		screen.paint('added', `+    ${TYPED}: ${value}`),
	]);
	screen.say('was refused. kubectl prints the webhook’s message like this:');
	screen.show([
		screen.paint('failure', `Error from server (${answer.reason}): error when creating "pod.yaml":`),
		screen.paint('failure', `admission webhook "${webhookName}" denied the request: ${answer.message}`),
	]);
}
