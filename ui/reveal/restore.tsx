import { useState } from 'preact/hooks';
import type { Failure } from '../lib/client.ts';
import { ErrorNote } from '../parts/states.tsx';
import { revealCalls } from './client.ts';
import type { Session } from './sign-in.ts';
import type { Restoration, Target } from './target.ts';

/** Asks once more, and writes the old value as a new version. Nobody sees the value. */
export function RestoreForm(props: {
	readonly session: Session;
	readonly target: Target;
	readonly restore: Restoration;
	readonly ended: () => void;
}) {
	const { session, target, restore, ended } = props;
	const [made, setMade] = useState<number>();
	const [failure, setFailure] = useState<Failure>();
	const [isBusy, setBusy] = useState(false);
	const run = async (): Promise<void> => {
		setFailure(undefined);
		setBusy(true);
		const answer = await revealCalls(session, target).restore(restore);
		setBusy(false);
		if (answer.ok) setMade(answer.value.version);
		else if (answer.failure.kind === 'ended') ended();
		else setFailure(answer.failure);
	};
	if (made !== undefined)
		return (
			<div class="note" role="status">
				<p>
					Version {restore.version} is restored: its value is now version {made}. You can close this page.
				</p>
			</div>
		);
	return (
		<>
			<p>
				The value of version {restore.version} becomes a new version. Nobody sees it, and version{' '}
				{restore.expected}, which is current now, stays in the history.
			</p>
			{failure && <ErrorNote failure={failure} />}
			<div>
				<button type="button" class="button primary" disabled={isBusy} onClick={() => void run()}>
					Restore version {restore.version}
				</button>
			</div>
		</>
	);
}
