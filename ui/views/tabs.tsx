import { Link } from '../parts/link.tsx';

const TABS = [
	['', 'Secrets'],
	['members', 'Members'],
	['pods', 'Pods'],
] as const;

/** The head of every view of a deployment. */
export function DeploymentHead(props: {
	readonly name: string;
	readonly tab: '' | 'members' | 'pods';
	readonly note?: string;
}) {
	const { name, tab } = props;
	return (
		<>
			<p class="crumbs">
				<Link to={[]}>Deployments</Link>
			</p>
			<div class="page-head">
				<h1>{name}</h1>
				{props.note && <p class="hint">{props.note}</p>}
			</div>
			<nav class="tabs" aria-label={`Views of ${name}`}>
				{TABS.map(([path, label]) => (
					<Link key={path} to={['deployments', name, ...(path ? [path] : [])]} current={path === tab}>
						{label}
					</Link>
				))}
				<Link to={['compare']} query={{ deployment: name }}>
					Compare
				</Link>
				<Link to={['audit']} query={{ deployment: name }}>
					Audit
				</Link>
			</nav>
		</>
	);
}
