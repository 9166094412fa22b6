import { useState } from 'preact/hooks';
import { useApp, useCall } from '../lib/context.ts';
import { changesOf, problemsByCell } from '../state/drafts.ts';
import { sentence } from '../state/texts.ts';
import type { Grid } from '../state/types.ts';
import type { DraftState } from './use-drafts.ts';

/**
 * Saves all complete changes in one call. After a conflict the cells say why, and everything stays
 * unsaved.
 */
export function useSave(
	deployment: string,
	{ drafts, setDrafts, setProblems }: DraftState,
	reload: () => Promise<Grid | undefined>,
	onSaved: () => void,
): { readonly save: () => Promise<void>; readonly message: string } {
	const send = useCall();
	const { notify } = useApp();
	const [message, setMessage] = useState('');
	const save = async (): Promise<void> => {
		const { names, changes } = changesOf(drafts);
		const answer = await send('POST', '/api/changes', { body: { deployment, changes } });
		if (answer.ok) {
			setDrafts(new Map([...drafts].filter(([name]) => !names.includes(name))));
			setProblems(new Map());
			setMessage('');
			notify(`${changes.length} ${changes.length === 1 ? 'change is' : 'changes are'} saved.`);
			onSaved();
		} else {
			const { status, cells } = answer.failure;
			const failed = problemsByCell(names, cells ?? []);
			// 500 with cells: the others are saved, and only these stay.
			if (status === 500 && cells !== undefined)
				setDrafts(new Map([...drafts].filter(([name]) => !names.includes(name) || failed.has(name))));
			setProblems(failed);
			setMessage(sentence(answer.failure.message));
		}
		if (answer.ok || answer.failure.kind === 'refused') await reload();
	};
	return { save, message };
}
