import type { Screen } from '../screen.ts';

/** Shows what the demo will do, and which parts are real. */
export function showPurpose(screen: Screen): void {
	screen.heading('Envtier: secrets from Vault in a pod, by two annotations');
	screen.say(
		'Everything below happens now, on this machine, without a cluster. Webhook, fetcher and secrets API are the very programs',
		'that go into the images. This demo stands in for the API server and the kubelet, an embedded server for Vault.',
	);
}
