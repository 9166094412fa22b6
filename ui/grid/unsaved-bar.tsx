/** Says that changes are unsaved, as long as there are any. */
export function UnsavedBar(props: {
	readonly count: number;
	readonly onReview: () => void;
	readonly onDiscard: () => void;
}) {
	if (props.count === 0) return null;
	return (
		<div class="unsaved" role="region" aria-label="Unsaved changes">
			<strong>
				{props.count} unsaved {props.count === 1 ? 'change' : 'changes'}
			</strong>
			<button type="button" class="button" onClick={props.onDiscard}>
				Discard all
			</button>
			<button type="button" class="button primary" onClick={props.onReview}>
				Review and save
			</button>
		</div>
	);
}
