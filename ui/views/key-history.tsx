import { useState } from 'preact/hooks';
import { placeOf, RevealLink } from '../grid/reveal-link.tsx';
import { useApp } from '../lib/context.ts';
import { useLoad } from '../lib/load.ts';
import { useChange } from '../lib/use-change.ts';
import { Problem, Shown } from '../parts/states.tsx';
import { Tags, When, Who } from '../parts/when.tsx';
import type { Cell, Column, Grid, Version } from '../state/types.ts';
import { DestroyKey } from './destroy.tsx';
import { Versions } from './versions.tsx';

/** The versions of a key in one tier, and what can be done with them. */
export function KeyHistory(props: {
	readonly title: string;
	readonly grid: Grid;
	readonly column: number;
	readonly cell: Cell;
	readonly revealUrl: string;
	readonly onChanged: () => Promise<unknown>;
}) {
	const { title, grid, column, cell, onChanged } = props;
	const { notify } = useApp();
	const place = grid.columns[column] as Column;
	const path = place.tier === 'org' ? '/api/org/secrets' : '/api/secrets';
	const versions = useLoad<readonly Version[]>(
		cell.id === undefined ? undefined : `${path}/versions?id=${encodeURIComponent(cell.id)}`,
	);
	const { problem, change } = useChange();
	const [destroying, setDestroying] = useState(false);
	const mayWrite = grid.role !== 'viewer';
	const mayDestroy = grid.role.startsWith('org_') && cell.state !== 'destroyed' && cell.id !== undefined;
	const act = async (method: string, url: string, body: object, done: string): Promise<void> => {
		const answer = await change(method, url, body);
		if (!answer.ok) return;
		notify(done);
		setDestroying(false);
		await Promise.all([onChanged(), versions.reload()]);
	};
	const onBack = (): void => void Promise.all([onChanged(), versions.reload()]);
	return (
		<section class="card">
			<h2>{title}</h2>
			<p>
				<span class={`chip chip-${cell.state}`}>{cell.state === 'live' ? 'set' : cell.state}</span> Version{' '}
				{cell.version}, <When time={cell.at} />
				{cell.by !== '' && (
					<>
						{' '}
						by <Who subject={cell.by} />
					</>
				)}
			</p>
			{cell.description && <p>{cell.description}</p>}
			<Tags tags={cell.tags ?? []} />
			<Problem text={problem} />
			{cell.id === undefined ? (
				<p class="hint">Only admins of the organization see its versions.</p>
			) : (
				<Shown loaded={versions} what="versions">
					{(list) => <Versions {...{ list, cell, place, grid, revealUrl: props.revealUrl, onBack }} />}
				</Shown>
			)}
			<div class="row wrap">
				{cell.state === 'deleted' && mayWrite && (
					<button
						type="button"
						class="button primary"
						onClick={() => void act('POST', `${path}/undelete`, { id: cell.id }, `${cell.key} is back.`)}
					>
						Undelete
					</button>
				)}
				{cell.state === 'live' && (
					<RevealLink place={placeOf(grid.org, grid.deployment, place)} name={cell.key} />
				)}
				{mayDestroy && (
					<button type="button" class="button danger" onClick={() => setDestroying(true)}>
						Destroy …
					</button>
				)}
			</div>
			{destroying && (
				<DestroyKey
					name={cell.key}
					problem={problem}
					onClose={() => setDestroying(false)}
					onDestroy={(confirm) =>
						void act('DELETE', `${path}?destroy=true`, { id: cell.id, confirm }, `${cell.key} is destroyed.`)
					}
				/>
			)}
		</section>
	);
}
