import type { Row } from './grid.ts';
import { columnName } from './grid.ts';
import type { Column } from './types.ts';

/** Where the pods of one service get a key from. */
export interface Source {
	readonly service: string;
	/** The column whose value they get; undefined: they get none. */
	readonly column: number | undefined;
}

/** Which tier gives a key to each service; without services, to every pod of the deployment. */
export function sourcesOf(row: Row, columns: readonly Column[]): readonly Source[] {
	const live = row.cells.map(({ cell }) => cell?.state === 'live');
	const sourceFor = (candidates: readonly number[]): number | undefined =>
		candidates.find((one) => live[one]);
	const services = columns.flatMap(({ tier, service }, index) =>
		tier === 'service' ? [{ service, column: sourceFor([index, 1, 0]) }] : [],
	);
	return services.length > 0 ? services : [{ service: '', column: sourceFor([1, 0]) }];
}

/** The same as a sentence. */
export function sourceText({ service, column }: Source, columns: readonly Column[]): string {
	const who = service === '' ? 'Every pod of the deployment' : `The service ${service}`;
	if (column === undefined) return `${who} does not get it.`;
	const place = columns[column];
	const from = place?.tier === 'service' ? 'its own tier' : `the ${columnName(place)}`;
	return `${who} gets it from ${from}.`;
}
