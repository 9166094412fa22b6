import { useState } from 'preact/hooks';
import { call } from '../lib/client.ts';
import { useApp } from '../lib/context.ts';
import { navigate } from '../lib/router.ts';
import { Link, useHref } from '../parts/link.tsx';
import { href, type Route } from '../state/routes.ts';
import { nameOf } from '../state/time.ts';

const ENTRIES: readonly (readonly [path: string, label: string, views: readonly Route['view'][]])[] = [
	['', 'Deployments', ['deployments', 'deployment', 'members', 'pods', 'key']],
	['compare', 'Compare', ['compare']],
	['expiring', 'Expiring', ['expiring']],
	['bin', 'Recycle bin', ['bin']],
	['templates', 'Templates', ['templates', 'template']],
	['keys', 'API keys', ['keys']],
	['audit', 'Audit', ['audit']],
];

/** The navigation at the side; on a narrow window it is below a button. */
export function Navigation({ route }: { readonly route: Route }) {
	const [open, setOpen] = useState(false);
	return (
		<header class="side">
			<div class="brand">
				<Link to={[]} class="brand-link">
					<img src="/ui/assets/icon.svg" alt="" width="24" height="24" /> Envtier
				</Link>
				<button
					type="button"
					class="button small menu-button"
					aria-expanded={open}
					aria-controls="navigation"
					onClick={() => setOpen(!open)}
				>
					Menu
				</button>
			</div>
			<div id="navigation" class={open ? 'side-body open' : 'side-body'}>
				<SearchBox />
				<OrgSwitcher />
				<nav aria-label="Views">
					<ul>
						{ENTRIES.map(([path, label, views]) => (
							<li key={path}>
								<Link to={path === '' ? [] : [path]} current={views.includes(route.view)} class="nav-link">
									{label}
								</Link>
							</li>
						))}
					</ul>
				</nav>
				<Account />
			</div>
		</header>
	);
}

function SearchBox() {
	const [text, setText] = useState('');
	const url = useHref();
	return (
		<search>
			<form
				onSubmit={(event) => {
					event.preventDefault();
					if (text.trim() !== '') void navigate(url(['search'], { q: text.trim() }));
				}}
			>
				<input
					type="search"
					aria-label="Search all secrets"
					placeholder="Search all secrets"
					value={text}
					onInput={(event) => setText(event.currentTarget.value)}
				/>
			</form>
		</search>
	);
}

/** For somebody with several organizations. The address names the chosen one. */
function OrgSwitcher() {
	const { me, org } = useApp();
	if (me.orgs.length < 2)
		return org === '' ? null : (
			<p class="org">
				Organization <strong>{org}</strong>
			</p>
		);
	return (
		<label class="org">
			Organization
			<select value={org} onChange={(event) => void navigate(href([], { org: event.currentTarget.value }))}>
				{me.orgs.map((one) => (
					<option key={one}>{one}</option>
				))}
			</select>
		</label>
	);
}

function Account() {
	const { me, notify } = useApp();
	const signOut = async (): Promise<void> => {
		const answer = await call<{ readonly location?: string }>('POST', '/ui/session/logout', { body: {} });
		if (!answer.ok) return notify(answer.failure.message);
		// The issuer ends its own session too, where it can.
		location.assign(answer.value.location ?? '/ui/');
	};
	return (
		<div class="account">
			<p title={me.subject}>
				Signed in as <strong>{nameOf(me)}</strong>
			</p>
			<button type="button" class="button small" onClick={() => void signOut()}>
				Sign out
			</button>
		</div>
	);
}
