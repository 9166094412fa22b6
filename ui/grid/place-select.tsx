import type { Column, Grid } from '../state/types.ts';

/** The name of a place in a list of places. */
function placeName(column: Column): string {
	if (column.tier === 'org') return 'The organization: all deployments get it';
	return column.tier === 'deployment'
		? 'The deployment: all services get it'
		: `The service ${column.service}`;
}

/** The columns that the person may write to, by their index. */
function writable(grid: Grid): readonly number[] {
	return grid.columns.flatMap(({ tier }, index) => (tier === 'org' && !grid.managesOrg ? [] : [index]));
}

/** Chooses a column. */
export function PlaceSelect(props: {
	readonly id?: string;
	readonly grid: Grid;
	readonly value: number;
	readonly onChange: (column: number) => void;
}) {
	return (
		<select
			id={props.id}
			value={String(props.value)}
			onChange={(event) => props.onChange(Number(event.currentTarget.value))}
		>
			{writable(props.grid).map((index) => (
				<option key={index} value={String(index)}>
					{placeName(props.grid.columns[index] as Column)}
				</option>
			))}
		</select>
	);
}
