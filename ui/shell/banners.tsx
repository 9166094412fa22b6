import { useEffect, useState } from 'preact/hooks';
import { onSession } from '../lib/client.ts';
import { nameOf } from '../state/time.ts';
import type { WhoAmI } from '../state/types.ts';
import { loginUrl } from './sign-in.tsx';

/** Says that the session has ended, and offers to sign in again beside what was typed. */
export function EndedBanner() {
	const [ended, setEnded] = useState(false);
	useEffect(() => onSession(setEnded), []);
	if (!ended) return null;
	return (
		<div class="banner banner-warn" role="alert">
			<p>Your session has ended. What you typed is kept on this page.</p>
			<a class="button small" href={loginUrl('/ui/signed-in')} target="_blank" rel="noopener opener">
				Sign in again
			</a>
		</div>
	);
}

/** Says that there is no connection. */
export function OfflineBanner() {
	const [online, setOnline] = useState(navigator.onLine);
	useEffect(() => {
		const changed = (): void => setOnline(navigator.onLine);
		addEventListener('online', changed);
		addEventListener('offline', changed);
		return () => {
			removeEventListener('online', changed);
			removeEventListener('offline', changed);
		};
	}, []);
	return online ? null : (
		<div class="banner banner-warn" role="status">
			<p>You are offline. What you typed is kept; saving works when the connection is back.</p>
		</div>
	);
}

/** Says that another person than before is signed in. */
export function OtherPersonBanner({ me, before }: Readonly<Record<'me' | 'before', WhoAmI | undefined>>) {
	const [isSeen, setSeen] = useState(false);
	if (me === undefined || before === undefined || isSeen) return null;
	return (
		<div class="banner banner-warn" role="alert">
			<p>
				{nameOf(me)} is signed in now. What {nameOf(before)} typed here is gone.
			</p>
			<button type="button" class="small" onClick={() => setSeen(true)}>
				Continue
			</button>
		</div>
	);
}
