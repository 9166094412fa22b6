import { placeOf, RestoreLink } from '../grid/reveal-link.tsx';
import { Link } from '../parts/link.tsx';
import { Table } from '../parts/table.tsx';
import { When, Who } from '../parts/when.tsx';
import type { Cell, Column, Grid, Version } from '../state/types.ts';

/** The versions of a secret, newest first. */
export function Versions(props: {
	readonly list: readonly Version[];
	readonly cell: Cell;
	readonly place: Column;
	readonly grid: Grid;
	readonly revealUrl: string;
	readonly onBack: () => void;
}) {
	const { list, cell, grid, place, revealUrl } = props;
	const mayWrite = place.tier === 'org' ? grid.managesOrg : grid.role !== 'viewer';
	// One key of several changes only together with the others.
	const isPart = cell.type !== undefined && cell.name !== cell.key;
	const restorable = cell.state === 'live' && cell.id !== undefined && mayWrite && !isPart;
	return (
		<>
			<Table heads={['Version', 'Written', 'By', 'State', revealUrl !== '' && 'Action']}>
				{list.toReversed().map((version) => (
					<tr key={version.version}>
						<th scope="row">{version.version}</th>
						<td data-label="Written">
							<When time={version.createdAt} />
						</td>
						<td data-label="By">
							{authorOf(version, cell) ? (
								<Who subject={authorOf(version, cell)} />
							) : (
								<Link to={['audit']} query={{ deployment: grid.deployment, key: cell.key, days: '365' }}>
									see the audit
								</Link>
							)}
						</td>
						<td data-label="State">{stateOf(version)}</td>
						{revealUrl && (
							<td data-label="Action">
								{restorable && stateOf(version) === 'old' && (
									<RestoreLink
										place={placeOf(grid.org, grid.deployment, place)}
										name={cell.key}
										old={{ id: cell.id ?? '', version: version.version, expected: cell.version }}
										onBack={props.onBack}
									/>
								)}
							</td>
						)}
					</tr>
				))}
			</Table>
			{!revealUrl && (
				<p class="hint">
					To restore an old version the Reveal program must be installed: the API cannot read values.
				</p>
			)}
		</>
	);
}

function authorOf({ by, current }: Version, cell: Cell): string {
	return by || (current && cell.state === 'live' ? cell.by : '');
}

function stateOf({ current, destroyed, deletedAt }: Version): string {
	if (destroyed) return 'destroyed';
	if (deletedAt !== '') return 'deleted';
	return current ? 'current' : 'old';
}
