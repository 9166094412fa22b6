import { useState } from 'preact/hooks';
import type { Failure } from '../lib/client.ts';
import { Field } from '../parts/field.tsx';
import { ErrorNote } from '../parts/states.tsx';
import { needsElevation, type Revealed, revealCalls } from './client.ts';
import { type Elevated, ElevationPanel } from './elevation.tsx';
import { ShownValue } from './shown-value.tsx';
import type { Session } from './sign-in.ts';
import { reasonProblem, type Target } from './target.ts';

/** Asks for the reason, gets the value on the click, and hides it again. */
export function RevealForm(props: {
	readonly session: Session;
	readonly target: Target;
	readonly reason: string;
	readonly setReason: (reason: string) => void;
	readonly ended: () => void;
}) {
	const { session, target, reason, setReason, ended } = props;
	const calls = revealCalls(session, target);
	const [revealed, setRevealed] = useState<Revealed>();
	const [elevated, setElevated] = useState<Elevated>({ kind: 'none' });
	const [failure, setFailure] = useState<Failure>();
	const [problem, setProblem] = useState<string>();
	const [isBusy, setBusy] = useState(false);
	const refuse = (refusal: Failure): void => {
		if (refusal.kind === 'ended') ended();
		else if (needsElevation(refusal)) setElevated({ kind: 'needed' });
		else setFailure(refusal);
	};
	/** Runs a call, unless the reason is missing. */
	const withReason = async (work: () => Promise<void>): Promise<void> => {
		const wrong = reasonProblem(reason);
		setProblem(wrong);
		setFailure(undefined);
		if (wrong !== undefined || isBusy) return;
		setBusy(true);
		await work();
		setBusy(false);
	};
	const show = (): Promise<void> =>
		withReason(async () => {
			const answer = await calls.reveal(reason);
			if (answer.ok) setRevealed(answer.value);
			else refuse(answer.failure);
		});
	const elevate = (): Promise<void> =>
		withReason(async () => {
			const answer = await calls.elevate(reason);
			if (!answer.ok) return refuse(answer.failure);
			const { id, state, seconds } = answer.value;
			setElevated(
				state === 'active' ? { kind: 'active', ends: Date.now() + 1_000 * seconds } : { kind: 'pending', id },
			);
		});
	const end = async (): Promise<void> => {
		const answer = await calls.endElevation();
		setRevealed(undefined);
		if (answer.ok) setElevated({ kind: 'needed' });
		else refuse(answer.failure);
	};
	const scope = target.org === '' ? `--deployment ${target.deployment}` : `--org ${target.org}`;
	return (
		<>
			<Field label="Reason" hint="The audit keeps it, with your name." error={problem}>
				<input
					value={reason}
					maxLength={256}
					autocomplete="off"
					placeholder="incident 42"
					onInput={(event) => setReason(event.currentTarget.value)}
				/>
			</Field>
			<ElevationPanel
				elevated={elevated}
				approveCommand={(id) => `envtier elevate ${scope} --approve ${id}`}
				start={() => void elevate()}
				end={() => void end()}
				over={() => {
					setElevated({ kind: 'needed' });
					setRevealed(undefined);
				}}
			/>
			{failure && <ErrorNote failure={failure} />}
			{revealed === undefined ? (
				<div>
					<button type="button" class="button primary" disabled={isBusy} onClick={() => void show()}>
						Show the value
					</button>
				</div>
			) : (
				<ShownValue revealed={revealed} hide={() => setRevealed(undefined)} />
			)}
		</>
	);
}
