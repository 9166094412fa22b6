import { createElement, type JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { setGuard } from '../lib/router.ts';
import { Confirm } from '../parts/dialog.tsx';
import type { CellProblem, Draft, Drafts } from '../state/drafts.ts';

/** The unsaved changes of a view. */
export interface DraftState {
	readonly drafts: Drafts;
	/** Why cells were not saved. */
	readonly problems: ReadonlyMap<string, CellProblem>;
	readonly setDrafts: (next: Drafts) => void;
	readonly setDraft: (name: string, draft: Draft | undefined) => void;
	readonly setProblems: (next: ReadonlyMap<string, CellProblem>) => void;
	/** The question before somebody leaves; null while nobody is asked. */
	readonly question: JSX.Element | null;
}

/** Keeps unsaved changes in memory alone. Leaving the view asks first. */
export function useDrafts(initial: () => Drafts): DraftState {
	const [drafts, setDrafts] = useState<Drafts>(initial);
	const [problems, setProblems] = useState<ReadonlyMap<string, CellProblem>>(new Map());
	const [asking, setAsking] = useState(false);
	const answer = useRef<(leave: boolean) => void>(undefined);
	const isUnsaved = drafts.size > 0;
	useEffect(() => {
		if (!isUnsaved) return setGuard(undefined);
		setGuard(() => {
			setAsking(true);
			return new Promise((resolve) => {
				answer.current = resolve;
			});
		});
		return () => setGuard(undefined);
	}, [isUnsaved]);
	const question = asking
		? createElement(Confirm, {
				title: 'Leave with unsaved changes?',
				yes: 'Leave and lose them',
				no: 'Stay',
				danger: true,
				onAnswer: (leave) => {
					setAsking(false);
					answer.current?.(leave);
				},
				children: createElement(
					'p',
					null,
					`${drafts.size} ${drafts.size === 1 ? 'change is' : 'changes are'} not saved.`,
				),
			})
		: null;
	return {
		...{ drafts, problems, setDrafts, setProblems, question },
		setDraft: (name, draft) => {
			setDrafts((before) => {
				const next = new Map(before);
				if (draft === undefined) next.delete(name);
				else next.set(name, draft);
				return next;
			});
			setProblems((before) => new Map([...before].filter(([other]) => other !== name)));
		},
	};
}
