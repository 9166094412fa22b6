/** A view and what it shows. Every view has a URL. */
export type Route =
	| { readonly view: 'deployments' }
	| { readonly view: 'deployment' | 'members' | 'pods'; readonly deployment: string }
	| { readonly view: 'key'; readonly deployment: string; readonly key: string }
	| { readonly view: 'template'; readonly template: string }
	| {
			readonly view:
				| 'search'
				| 'compare'
				| 'bin'
				| 'expiring'
				| 'templates'
				| 'keys'
				| 'audit'
				| 'signed-in'
				| 'unknown';
	  };

const PLAIN = ['search', 'compare', 'bin', 'expiring', 'templates', 'keys', 'audit', 'signed-in'] as const;

/** The view that a path names. */
export function routeOf(path: string): Route {
	const [first = '', second, third, fourth, ...more] = path
		.replace(/^\/ui\//, '')
		.replace(/\/$/, '')
		.split('/')
		.map(decode);
	if (more.length > 0) return { view: 'unknown' };
	if (first === '' && second === undefined) return { view: 'deployments' };
	if (first === 'deployments' && second) return deploymentRoute(second, third, fourth);
	if (first === 'templates' && second && third === undefined) return { view: 'template', template: second };
	const plain = PLAIN.find((view) => view === first);
	return plain === undefined || second !== undefined ? { view: 'unknown' } : { view: plain };
}

function deploymentRoute(deployment: string, part: string | undefined, key: string | undefined): Route {
	if (part === undefined) return { view: 'deployment', deployment };
	if ((part === 'members' || part === 'pods') && key === undefined) return { view: part, deployment };
	return part === 'keys' && key ? { view: 'key', deployment, key } : { view: 'unknown' };
}

function decode(part: string): string {
	try {
		return decodeURIComponent(part);
	} catch {
		// No view has such a name.
		return '%';
	}
}

/** A path of the dashboard. Empty parameters are left out. */
export function href(
	parts: readonly string[],
	query: Readonly<Record<string, string | undefined>> = {},
): string {
	const path = `/ui/${parts.map(encodeURIComponent).join('/')}`;
	const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
	const text = new URLSearchParams(given).toString();
	return text === '' ? path : `${path}?${text}`;
}

/** The title of the window. */
export function titleOf(route: Route): string {
	const names: Readonly<Record<Route['view'], string>> = {
		deployments: 'Deployments',
		deployment: 'Secrets',
		members: 'Members',
		pods: 'Pods',
		key: 'History',
		search: 'Search',
		compare: 'Compare',
		bin: 'Recycle bin',
		expiring: 'Expiring',
		templates: 'Templates',
		template: 'Template',
		keys: 'API keys',
		audit: 'Audit',
		'signed-in': 'Signed in',
		unknown: 'Not found',
	};
	const of = 'deployment' in route ? ` · ${route.deployment}` : '';
	return `${names[route.view]}${of} · Envtier`;
}
