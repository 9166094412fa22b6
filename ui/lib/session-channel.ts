/** The windows of a browser tell each other that somebody has signed in: they share the session's cookie. */
const NAME = 'envtier-session';

/** Tells the other windows that somebody may have signed in. */
export function tellSignedIn(): void {
	const channel = new BroadcastChannel(NAME);
	channel.postMessage('signed-in');
	channel.close();
}

/** Called when another window tells. Returns the function that stops it. */
export function onSignedIn(listener: () => void): () => void {
	const channel = new BroadcastChannel(NAME);
	channel.onmessage = listener;
	return () => channel.close();
}
