/** What is to be cleaned up when the demo ends, for whatever reason it does. */
export interface Lifetime {
	readonly resources: AsyncDisposableStack;
	/** Cleans up; once, however often it is asked to. */
	close(): Promise<void>;
	/** True from the moment that cleaning up has begun: what fails from then on fails because of it. */
	isOver(): boolean;
}

/** A lifetime that begins now. */
export function makeLifetime(): Lifetime {
	const resources = new AsyncDisposableStack();
	let closed: Promise<void> | undefined;
	return {
		resources,
		close: () => {
			closed ??= resources.disposeAsync();
			return closed;
		},
		isOver: () => closed !== undefined,
	};
}
