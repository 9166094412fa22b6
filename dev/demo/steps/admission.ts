import type { V1Pod } from '@kubernetes/client-node';
import { podDiff } from '../pod-diff.ts';
import type { Webhook } from '../run/webhook.ts';
import type { Screen } from '../screen.ts';

/** Sends the pod to the webhook and shows the changes. Returns the pod as the API server would store it. */
export async function showAdmission(screen: Screen, webhook: Webhook, pod: V1Pod): Promise<V1Pod> {
	screen.heading('2  What the webhook changes');
	const answer = await webhook.ask(pod);
	if (!answer.allowed) throw new Error(`the webhook refuses the pod: ${answer.message}`);
	screen.say(
		'dist/webhook.mjs runs here as a process of its own. It was sent this pod over TLS, as the API server would do it:',
		`  POST ${webhook.url}   answered after ${answer.milliseconds} ms   ${answer.operations} operations of a JSON Patch`,
		'Applied to the pod, they change this:',
	);
	screen.show(podDiff(pod, answer.pod, screen));
	for (const warning of answer.warnings) screen.say(screen.paint('warning', `Warning: ${warning}`));
	return answer.pod;
}
