import { useCallback, useEffect, useState } from 'preact/hooks';
import { call, type Failure } from './lib/client.ts';
import { useLocation } from './lib/router.ts';
import { onSignedIn, tellSignedIn } from './lib/session-channel.ts';
import { ErrorNote, Loading } from './parts/states.tsx';
import { Shell } from './shell/shell.tsx';
import { SignedIn, SignIn } from './shell/sign-in.tsx';
import type { Config, WhoAmI } from './state/types.ts';

type State =
	| { readonly kind: 'loading' }
	| { readonly kind: 'failed'; readonly failure: Failure }
	| { readonly kind: 'signed-out'; readonly config: Config }
	| {
			readonly kind: 'signed-in';
			readonly config: Config;
			readonly me: WhoAmI;
			/** Who was signed in before, on this page. */
			readonly before?: WhoAmI;
	  };

/**
 * Finds out who is signed in. Once somebody is, the views stay when the session ends: nothing typed is lost. When
 * another person signs in, in any window, the views begin anew: what the first one typed is not theirs.
 */
export function Start() {
	const [state, setState] = useState<State>({ kind: 'loading' });
	const { path, query } = useLocation();
	const org = query.get('org') ?? undefined;
	const load = useCallback(async () => {
		const config = await call<Config>('GET', '/ui/config');
		if (!config.ok) return setState({ kind: 'failed', failure: config.failure });
		const me = await call<WhoAmI>('GET', '/api/whoami', { org });
		if (me.ok) {
			tellSignedIn();
			return setState({ kind: 'signed-in', config: config.value, me: me.value });
		}
		setState(
			me.failure.kind === 'ended'
				? { kind: 'signed-out', config: config.value }
				: { kind: 'failed', failure: me.failure },
		);
	}, [org]);
	useEffect(() => void load(), []);
	const check = useCallback(async () => {
		const now = await call<WhoAmI>('GET', '/api/whoami');
		if (!now.ok) return;
		setState((old) => {
			if (old.kind !== 'signed-in' || old.me.subject === now.value.subject) return old;
			return { ...old, me: now.value, before: old.me };
		});
	}, []);
	useEffect(() => onSignedIn(() => void check()), [check]);
	if (path === '/ui/signed-in') return <SignedIn />;
	if (state.kind === 'loading') return <Loading what="the dashboard" />;
	if (state.kind === 'failed')
		return (
			<main class="alone">
				<h1>Envtier</h1>
				<ErrorNote failure={state.failure} retry={() => void load()} />
			</main>
		);
	if (state.kind === 'signed-out') return <SignIn config={state.config} />;
	const { config, me, before } = state;
	return <Shell key={me.subject} config={config} me={me} before={before} />;
}
