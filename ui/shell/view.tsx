import { Link } from '../parts/link.tsx';
import type { Route } from '../state/routes.ts';
import { AuditView } from '../views/audit.tsx';
import { CompareView } from '../views/compare.tsx';
import { DeploymentView } from '../views/deployment.tsx';
import { DeploymentsView } from '../views/deployments.tsx';
import { KeyView } from '../views/key.tsx';
import { KeysView } from '../views/keys.tsx';
import { BinView, ExpiringView, SearchView } from '../views/lists.tsx';
import { MembersView } from '../views/members.tsx';
import { PodsView } from '../views/pods.tsx';
import { TemplatesView, TemplateView } from '../views/templates.tsx';

/** The view of a route. */
export function View({ route, query }: { readonly route: Route; readonly query: URLSearchParams }) {
	switch (route.view) {
		case 'deployments':
			return <DeploymentsView query={query} />;
		case 'deployment':
			return <DeploymentView name={route.deployment} query={query} />;
		case 'members':
			return <MembersView name={route.deployment} />;
		case 'pods':
			return <PodsView name={route.deployment} />;
		case 'key':
			return <KeyView deployment={route.deployment} name={route.key} query={query} />;
		case 'search':
			return <SearchView query={query} />;
		case 'compare':
			return <CompareView query={query} />;
		case 'bin':
			return <BinView />;
		case 'expiring':
			return <ExpiringView />;
		case 'templates':
			return <TemplatesView />;
		case 'template':
			return <TemplateView name={route.template} />;
		case 'keys':
			return <KeysView />;
		case 'audit':
			return <AuditView query={query} />;
		case 'signed-in':
		case 'unknown':
			return (
				<div class="empty">
					<h1>There is no such page</h1>
					<Link to={[]}>See all deployments</Link>
				</div>
			);
		default:
			return route satisfies never;
	}
}
