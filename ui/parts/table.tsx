import type { ComponentChildren } from 'preact';

/** What a table is given. */
export interface TableProps {
	/** The heads of its columns; `false` leaves one out. */
	readonly heads: readonly (string | false)[];
	/** Its rows. */
	readonly children: ComponentChildren;
}

/** A table that scrolls by itself, and whose rows are cards on a narrow window. */
export function Table({ heads, children }: TableProps) {
	return (
		<div class="table-scroll">
			<table class="table cards">
				<thead>
					<tr>
						{heads.map(
							(head) =>
								head !== false && (
									<th key={head} scope="col">
										{head}
									</th>
								),
						)}
					</tr>
				</thead>
				<tbody>{children}</tbody>
			</table>
		</div>
	);
}
