import { useEffect, useState } from 'preact/hooks';
import type { Failure } from '../lib/client.ts';
import { ErrorNote, Loading } from '../parts/states.tsx';
import { RevealForm } from './form.tsx';
import { RestoreForm } from './restore.tsx';
import { endSignIn, goToIssuer, type Session } from './sign-in.ts';
import { type Target, targetOf } from './target.ts';

/** The page: shows or restores one value of one secret, for somebody who signed in for this. */
export function RevealPage() {
	const [isStarting, setStarting] = useState(true);
	const [session, setSession] = useState<Session>();
	const [failure, setFailure] = useState<Failure>();
	const [reason, setReason] = useState('');
	const [target, setTarget] = useState<Target>();
	useEffect(() => {
		void endSignIn().then((returned) => {
			setTarget(targetOf(new URLSearchParams(location.search)));
			if (returned.kind !== 'nothing') setReason(returned.reason);
			if (returned.kind === 'session') setSession(returned.session);
			if (returned.kind === 'failed') setFailure(refused(returned.message));
			setStarting(false);
		});
	}, []);
	if (isStarting) return <Loading what="the page" />;
	if (target === undefined) return <NoTarget failure={failure} />;
	const signIn = async (): Promise<void> => {
		const message = await goToIssuer(target, reason);
		if (message !== '') setFailure(refused(message));
	};
	const { restore } = target;
	const ended = (): void => {
		setSession(undefined);
		setFailure(refused('your sign-in is over; sign in again'));
	};
	return (
		<main class="alone">
			<div class="card reveal">
				<h1>{restore ? `Restore version ${restore.version} of ${target.key}` : 'Show a value'}</h1>
				<About target={target} />
				{failure && <ErrorNote failure={failure} />}
				{session === undefined ? (
					<SignIn signIn={() => void signIn()} />
				) : restore ? (
					<RestoreForm {...{ session, target, restore, ended }} />
				) : (
					<RevealForm {...{ session, target, reason, setReason, ended }} />
				)}
			</div>
		</main>
	);
}

const refused = (message: string): Failure => ({ kind: 'refused', status: 0, message });

function SignIn({ signIn }: { readonly signIn: () => void }) {
	return (
		<>
			<p>Sign in for this page alone. It keeps the sign-in until you close or reload it.</p>
			<div>
				<button type="button" class="button primary" onClick={signIn}>
					Sign in
				</button>
			</div>
		</>
	);
}

function About({ target: { deployment, service, org, key } }: { readonly target: Target }) {
	const rows = [
		['Key', key],
		['Organization', org],
		['Deployment', deployment],
		['Service', service],
	].filter(([, text]) => text !== '');
	return (
		<dl>
			{rows.map(([name, text]) => (
				<>
					<dt>{name}</dt>
					<dd>{text}</dd>
				</>
			))}
		</dl>
	);
}

function NoTarget({ failure }: { readonly failure: Failure | undefined }) {
	return (
		<main class="alone">
			<div class="card reveal">
				<h1>Show a value</h1>
				{failure && <ErrorNote failure={failure} />}
				<p>
					This address names no secret. Choose one in the dashboard, then “Show the value …” or “Restore …”.
				</p>
			</div>
		</main>
	);
}
