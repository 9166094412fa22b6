import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

/** A modal dialog. The browser keeps the focus in it, and Escape closes it. */
export function Dialog(props: {
	readonly title: string;
	readonly onClose: () => void;
	readonly children: ComponentChildren;
	/** `sheet`: at the side of the window. */
	readonly kind?: 'sheet';
}) {
	const dialog = useRef<HTMLDialogElement>(null);
	const title = useId();
	useEffect(() => {
		const before = document.activeElement;
		dialog.current?.showModal();
		return () => {
			if (before instanceof HTMLElement) before.focus();
		};
	}, []);
	return (
		<dialog
			ref={dialog}
			class={props.kind === 'sheet' ? 'dialog sheet' : 'dialog'}
			aria-labelledby={title}
			onCancel={(event) => {
				event.preventDefault();
				props.onClose();
			}}
		>
			<header class="dialog-head">
				<h2 id={title}>{props.title}</h2>
				<button type="button" class="icon-button" aria-label="Close" onClick={props.onClose}>
					<span aria-hidden="true">✕</span>
				</button>
			</header>
			{props.children}
		</dialog>
	);
}

/** The two buttons of a dialog. The children say what the second one does. */
export function DialogFoot(props: {
	/** The text of the first button; `Cancel` by default. */
	readonly cancel?: string;
	readonly onCancel: () => void;
	readonly children: ComponentChildren;
	/** Without it the second button sends the form around it. */
	readonly onSend?: () => void;
	readonly danger?: boolean | undefined;
	readonly disabled?: boolean;
}) {
	return (
		<footer class="dialog-foot">
			<button type="button" class="button" onClick={props.onCancel}>
				{props.cancel ?? 'Cancel'}
			</button>
			<button
				type={props.onSend ? 'button' : 'submit'}
				onClick={props.onSend}
				class={props.danger ? 'button danger' : 'button primary'}
				disabled={props.disabled}
			>
				{props.children}
			</button>
		</footer>
	);
}

/** A question with two answers. */
export function Confirm(props: {
	readonly title: string;
	readonly children: ComponentChildren;
	readonly yes: string;
	readonly no: string;
	readonly onAnswer: (yes: boolean) => void;
	readonly danger?: boolean;
}) {
	return (
		<Dialog title={props.title} onClose={() => props.onAnswer(false)}>
			<div class="dialog-body">{props.children}</div>
			<DialogFoot
				cancel={props.no}
				onCancel={() => props.onAnswer(false)}
				onSend={() => props.onAnswer(true)}
				danger={props.danger}
			>
				{props.yes}
			</DialogFoot>
		</Dialog>
	);
}
