import { useEffect } from 'preact/hooks';
import { tellSignedIn } from '../lib/session-channel.ts';
import { href } from '../state/routes.ts';
import type { Config } from '../state/types.ts';

/** The address that signs in and leads back to a view. */
export function loginUrl(back: string): string {
	return `/ui/session/login?return=${encodeURIComponent(back)}`;
}

/** The page for somebody who is not signed in. */
export function SignIn({ config }: { readonly config: Config }) {
	const back = location.pathname + location.search;
	return (
		<main class="alone">
			<div class="card sign-in">
				<img src="/ui/assets/icon.svg" alt="" width="40" height="40" />
				<h1>Envtier</h1>
				<p>See which secrets your pods get and from where, and change them. Values are never shown here.</p>
				<a class="button primary" href={loginUrl(back)}>
					{config.signIn === 'development' ? 'Sign in as the developer' : 'Sign in'}
				</a>
				{config.signIn === 'development' && (
					<p class="hint">This is a trial in memory: everything is lost when the program ends.</p>
				)}
			</div>
		</main>
	);
}

/** The page at the end of a login in a window of its own: tells the first window, and closes. */
export function SignedIn() {
	useEffect(() => {
		tellSignedIn();
		window.close();
	}, []);
	return (
		<main class="alone">
			<h1>You are signed in</h1>
			<p>
				Close this window and continue in the one before, or <a href={href([])}>open the dashboard here</a>.
			</p>
		</main>
	);
}
