import { useApp } from '../lib/context.ts';
import { useLoad } from '../lib/load.ts';
import { CopyButton } from '../parts/copy.tsx';
import { Link } from '../parts/link.tsx';
import { Empty, Shown } from '../parts/states.tsx';
import { WhyNot } from '../parts/why-not.tsx';
import { columnName, rowsOf } from '../state/grid.ts';
import { sourcesOf, sourceText } from '../state/history.ts';
import { consumersCommand } from '../state/texts.ts';
import type { Grid } from '../state/types.ts';
import { KeyHistory } from './key-history.tsx';
import { Readers } from './readers.tsx';

/** One key: which tier gives it, its versions in each tier, and who can read it. */
export function KeyView(props: {
	readonly deployment: string;
	readonly name: string;
	readonly query: URLSearchParams;
}) {
	const { deployment, name, query } = props;
	const { config } = useApp();
	const path = `/api/deployments/${encodeURIComponent(deployment)}/grid?key=${encodeURIComponent(name)}`;
	const loaded = useLoad<Grid>(path);
	const service = query.get('service') ?? '';
	return (
		<>
			<p class="crumbs">
				<Link to={[]}>Deployments</Link> / <Link to={['deployments', deployment]}>{deployment}</Link>
			</p>
			<div class="page-head">
				<h1 class="key-title">{name}</h1>
			</div>
			{loaded.failure?.status === 403 && <WhyNot deployment={deployment} />}
			<Shown loaded={loaded} what="the history">
				{(grid) => {
					const [row] = rowsOf(grid, Date.now());
					if (row === undefined)
						return (
							<Empty title="This key is set nowhere">
								<p>
									<Link to={['deployments', deployment]}>See all keys of {deployment}</Link>
								</p>
							</Empty>
						);
					return (
						<>
							<section class="card">
								<h2>Where it comes from</h2>
								<ul class="facts">
									{sourcesOf(row, grid.columns).map((source) => (
										<li key={source.service}>{sourceText(source, grid.columns)}</li>
									))}
								</ul>
								<div class="row wrap">
									<CopyButton
										text={consumersCommand(name, deployment, service)}
										label="Copy the command that lists its pods"
									/>
									<Link to={['audit']} query={{ deployment, key: name, days: '365' }} class="button small">
										See its audit
									</Link>
								</div>
							</section>
							{row.cells.map(({ cell }, column) =>
								cell === undefined ? null : (
									<KeyHistory
										key={`${column} ${cell.id ?? ''}`}
										{...{ grid, cell, revealUrl: config.revealUrl }}
										title={
											column < 2
												? `In the ${columnName(grid.columns[column])}`
												: `In the service ${columnName(grid.columns[column])}`
										}
										column={column}
										onChanged={loaded.reload}
									/>
								),
							)}
							<Readers deployment={deployment} org={grid.org} />
						</>
					);
				}}
			</Shown>
		</>
	);
}
