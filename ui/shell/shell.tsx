import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type App, AppContext } from '../lib/context.ts';
import { useLocation } from '../lib/router.ts';
import { ErrorNote, Loading } from '../parts/states.tsx';
import { routeOf, titleOf } from '../state/routes.ts';
import type { Config, WhoAmI } from '../state/types.ts';
import { EndedBanner, OfflineBanner, OtherPersonBanner } from './banners.tsx';
import { Navigation } from './navigation.tsx';
import { useMe } from './use-me.ts';
import { View } from './view.tsx';

/** What the frame is given. */
export interface ShellProps {
	readonly config: Config;
	readonly me: WhoAmI;
	/** Who was signed in before, on this page. */
	readonly before: WhoAmI | undefined;
}

/** The frame of all views: navigation, banners, messages. */
export function Shell({ config, me: first, before }: ShellProps) {
	const { path, query } = useLocation();
	const route = routeOf(path);
	const asked = query.get('org');
	const org = asked !== null && first.orgs.includes(asked) ? asked : first.org || (first.orgs[0] ?? '');
	const { me, failure, retry } = useMe(first, org);
	const [message, setMessage] = useState('');
	const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
	const app: App = useMemo(
		() => ({
			...{ me: me ?? first, config, org },
			notify: (text) => {
				setMessage(text);
				clearTimeout(timer.current);
				timer.current = setTimeout(() => setMessage(''), 6_000);
			},
		}),
		[me, first, config, org],
	);
	const title = titleOf(route);
	useEffect(() => {
		document.title = title;
	}, [title]);
	return (
		<AppContext.Provider value={app}>
			<a class="skip" href="#main">
				Skip to the content
			</a>
			<div class="shell">
				<Navigation route={route} />
				<div class="content">
					<OfflineBanner />
					<EndedBanner />
					<OtherPersonBanner me={first} before={before} />
					<main id="main" tabIndex={-1} key={path + org}>
						{me !== undefined ? (
							<View route={route} query={query} />
						) : failure === undefined ? (
							<Loading what="your rights" />
						) : (
							<ErrorNote failure={failure} retry={retry} />
						)}
					</main>
				</div>
			</div>
			<div class="toast" role="status" aria-live="polite">
				{message && <p>{message}</p>}
			</div>
		</AppContext.Provider>
	);
}
