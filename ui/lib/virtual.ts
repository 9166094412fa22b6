import {
	elementScroll,
	observeElementOffset,
	observeElementRect,
	type VirtualItem,
	Virtualizer,
} from '@tanstack/virtual-core';
import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';

/** The rows that are in view, of many. */
export interface VirtualRows {
	readonly items: readonly VirtualItem[];
	/**
	 * The key of a row for Preact: its place among the rows of the document. A row that comes into view
	 * takes the elements of one that has left, so that scrolling changes texts only.
	 */
	readonly slotOf: (index: number) => number;
	/** The height of all rows, in pixels. */
	readonly height: number;
	readonly scrollTo: (index: number) => void;
}

/** Renders only the rows in view. The library has no binding for Preact; this is all that one needs. */
export function useVirtualRows(
	scroller: RefObject<HTMLElement | null>,
	count: number,
	rowHeight: number,
): VirtualRows {
	const [, render] = useReducer((n: number) => n + 1, 0);
	const options = {
		count,
		getScrollElement: () => scroller.current,
		estimateSize: () => rowHeight,
		overscan: 5,
		initialRect: { width: 0, height: 800 },
		scrollToFn: elementScroll,
		observeElementRect,
		observeElementOffset,
		onChange: () => render(0),
	};
	const [virtualizer] = useState(() => new Virtualizer<HTMLElement, Element>(options));
	virtualizer.setOptions({ ...virtualizer.options, ...options });
	useEffect(() => virtualizer._didMount(), [virtualizer]);
	useLayoutEffect(() => virtualizer._willUpdate());
	const items = virtualizer.getVirtualItems();
	const slots = useRef(1);
	slots.current = Math.max(slots.current, items.length);
	return {
		items,
		slotOf: (index) => index % slots.current,
		height: virtualizer.getTotalSize(),
		scrollTo: (index) => virtualizer.scrollToIndex(index, { align: 'auto' }),
	};
}
