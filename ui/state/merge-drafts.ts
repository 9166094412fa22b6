import { type Drafts, parseCellName } from './drafts.ts';
import type { Column, Grid } from './types.ts';

/** A grid with the rows and columns that only unsaved changes have. Its cells stay as they are saved. */
export function mergeDrafts(grid: Grid, drafts: Drafts): Grid {
	const places = [...drafts.keys()].map(parseCellName);
	const known = new Set(grid.columns.map(({ service }) => service));
	const services = [...new Set(places.map(({ column }) => column.service))].filter((one) => !known.has(one));
	const columns: readonly Column[] = [
		...grid.columns,
		...services.map((service) => ({ tier: 'service' as const, service })),
	];
	const keys = new Set(grid.cells.map(({ key }) => key));
	const added = [...new Set(places.map(({ key }) => key))].filter((key) => !keys.has(key));
	// A row needs a cell or a declaration. No column has the service "*", which is no valid name.
	const declared = added.map((key) => ({ service: '*', key }));
	return { ...grid, columns, declared: [...grid.declared, ...declared] };
}
