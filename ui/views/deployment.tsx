import { GridEditor } from '../grid/editor.tsx';
import { useLoad } from '../lib/load.ts';
import { Shown } from '../parts/states.tsx';
import { WhyNot } from '../parts/why-not.tsx';
import type { Grid } from '../state/types.ts';
import { DeploymentHead } from './tabs.tsx';

/** The grid of a deployment: its keys in every tier. */
export function DeploymentView({ name, query }: { readonly name: string; readonly query: URLSearchParams }) {
	const loaded = useLoad<Grid>(`/api/deployments/${encodeURIComponent(name)}/grid`);
	const { value, failure } = loaded;
	const note = value && `${value.org} · you are ${value.role.replace('_', ' ')}`;
	return (
		<>
			<DeploymentHead name={name} tab="" {...(note ? { note } : {})} />
			<Shown loaded={loaded} what="the secrets">
				{(grid) => <GridEditor grid={grid} query={query} reload={loaded.reload} />}
			</Shown>
			{failure?.status === 403 && value === undefined && <WhyNot deployment={name} />}
		</>
	);
}
