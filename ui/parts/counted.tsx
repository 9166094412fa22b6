import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Pages } from '../lib/pages.ts';
import { countText } from '../state/pages.ts';

/** A list with the number of its entries, and a button that loads more while there are more. */
export function Counted<T>(props: {
	readonly pages: Pages<T>;
	/** One entry, such as "secret". */
	readonly what: string;
	/** Several entries, if that is not `what` with an s. */
	readonly many?: string;
	/** How many of the loaded entries are shown; by default all. */
	readonly shown?: number;
	/** Stands beside the number. */
	readonly beside?: ComponentChildren;
	readonly children: ComponentChildren;
}) {
	const { value = [], more, isLoading } = props.pages;
	const { what, many, shown = value.length, beside } = props;
	const [asked, setAsked] = useState(false);
	const end = useRef<HTMLParagraphElement>(null);
	const isWhole = more === undefined;
	// The button is gone with the last part. Without this the keyboard would begin again at the top of the page.
	useEffect(() => {
		if (isWhole && asked) end.current?.focus();
	}, [isWhole, asked]);
	const load = (): void => {
		// Not disabled while it loads: a disabled button loses the focus.
		if (isLoading || more === undefined) return;
		setAsked(true);
		void more();
	};
	return (
		<>
			<div class="toolbar">
				<span class="count" role="status">
					{countText(shown, !isWhole, what, many)}
				</span>
				{beside}
			</div>
			{shown > 0 && props.children}
			{!isWhole && (
				<div class="toolbar">
					<button type="button" class="button" onClick={load}>
						{isLoading ? 'Loading …' : 'Load more'}
					</button>
				</div>
			)}
			{isWhole && asked && (
				<p class="hint" tabIndex={-1} ref={end}>
					These are all.
				</p>
			)}
		</>
	);
}
