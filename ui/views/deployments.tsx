import { useEffect, useRef, useState } from 'preact/hooks';
import { useApp, useCall } from '../lib/context.ts';
import { useLoad } from '../lib/load.ts';
import { replaceQuery } from '../lib/router.ts';
import { Link } from '../parts/link.tsx';
import { Empty, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import type { Deployment, Summary } from '../state/types.ts';
import { NewDeployment } from './new-deployment.tsx';

/** The deployments that the person may see, with their numbers. */
export function DeploymentsView({ query }: { readonly query: URLSearchParams }) {
	const loaded = useLoad<readonly Deployment[]>('/api/deployments');
	const { org } = useApp();
	const [creating, setCreating] = useState(false);
	const text = query.get('q') ?? '';
	return (
		<>
			<div class="page-head">
				<h1>Deployments</h1>
				<button type="button" class="button primary" onClick={() => setCreating(true)}>
					New deployment
				</button>
			</div>
			<Shown loaded={loaded} what="deployments">
				{(all) => {
					const ofOrg = all.filter((one) => one.org === org || org === '');
					const found = ofOrg.filter(({ name }) => name.includes(text.toLowerCase()));
					return ofOrg.length === 0 ? (
						<Empty title="No deployments yet">
							<p>
								A deployment holds the secrets of one or more services. Create one, add its secrets, and name
								it in the annotations of your pods.
							</p>
							<button type="button" class="button primary" onClick={() => setCreating(true)}>
								Create the first deployment
							</button>
							<p class="hint">
								Do you expect one here? Ask one of its managers to add you as a member, or choose another
								organization.
							</p>
						</Empty>
					) : (
						<>
							<input
								type="search"
								class="filter"
								aria-label="Filter deployments"
								placeholder="Filter by name"
								value={text}
								onInput={(event) => replaceQuery({ q: event.currentTarget.value })}
							/>
							<DeploymentTable deployments={found} />
						</>
					);
				}}
			</Shown>
			{creating && <NewDeployment onClose={() => setCreating(false)} />}
		</>
	);
}

function DeploymentTable({ deployments }: { readonly deployments: readonly Deployment[] }) {
	if (deployments.length === 0) return <p class="hint">No deployment has this in its name.</p>;
	return (
		<Table heads={['Name', 'Services', 'Secrets', 'Missing', 'Expiring', 'Your role']}>
			{deployments.map((one) => (
				<DeploymentRow key={one.name} deployment={one} />
			))}
		</Table>
	);
}

/** Asks for the numbers when the row comes into view, so that many deployments cost little. */
function DeploymentRow({ deployment: { name, role } }: { readonly deployment: Deployment }) {
	const row = useRef<HTMLTableRowElement>(null);
	const send = useCall();
	const [summary, setSummary] = useState<Summary>();
	useEffect(() => {
		const observer = new IntersectionObserver(([entry]) => {
			if (!entry?.isIntersecting) return;
			observer.disconnect();
			void send<Summary>('GET', `/api/deployments/${name}/summary`).then(
				(answer) => answer.ok && setSummary(answer.value),
			);
		});
		if (row.current) observer.observe(row.current);
		return () => observer.disconnect();
	}, [name]);
	const { services = [], secrets, missing = 0, expiring = 0 } = summary ?? {};
	return (
		<tr ref={row}>
			<th scope="row">
				<Link to={['deployments', name]}>{name}</Link>
			</th>
			<td data-label="Services">{summary ? services.join(', ') || '–' : '…'}</td>
			<td data-label="Secrets">{secrets ?? '…'}</td>
			<td data-label="Missing">
				{missing > 0 ? (
					<Link to={['deployments', name]} query={{ problems: '1' }} class="badge warn">
						{missing} missing
					</Link>
				) : summary ? (
					'0'
				) : (
					'…'
				)}
			</td>
			<td data-label="Expiring">
				{expiring > 0 ? <span class="badge warn">{expiring} within 30 days</span> : summary ? '0' : '…'}
			</td>
			<td data-label="Your role">{role.replace('_', ' ')}</td>
		</tr>
	);
}
