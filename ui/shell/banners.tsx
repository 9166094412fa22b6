import { useEffect, useState } from 'preact/hooks';
import { call, onSession } from '../lib/client.ts';
import { loginUrl, SESSION_CHANNEL } from './sign-in.tsx';

/** Says that the session has ended, and offers to sign in again beside what was typed. */
export function EndedBanner() {
	const [ended, setEnded] = useState(false);
	useEffect(() => onSession(setEnded), []);
	useEffect(() => {
		const channel = new BroadcastChannel(SESSION_CHANNEL);
		channel.onmessage = () => void call('GET', '/api/whoami');
		return () => channel.close();
	}, []);
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
