import { useState } from 'preact/hooks';
import { sentence } from '../state/texts.ts';
import type { Answer } from './client.ts';
import { useCall } from './context.ts';

/** Sends changes, and keeps why the last one was refused: the API's own sentence; empty if it was not. */
export function useChange(): {
	readonly problem: string;
	readonly change: (method: string, path: string, body: object) => Promise<Answer<unknown>>;
} {
	const send = useCall();
	const [problem, setProblem] = useState('');
	return {
		problem,
		change: async (method, path, body) => {
			// Not when the answer is there: a change before this one must not hide why this one was refused.
			setProblem('');
			const answer = await send(method, path, { body });
			if (!answer.ok) setProblem(sentence(answer.failure.message));
			return answer;
		},
	};
}
