/** The resources to clean up at the end of the demo, also after a failure. */
export interface Lifetime {
	readonly resources: AsyncDisposableStack;
	/** Cleans up. Further calls return the same promise. */
	close(): Promise<void>;
	/** True after the cleanup has begun. Failures after that are its consequence. */
	isOver(): boolean;
}

/** Creates an empty lifetime. */
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
