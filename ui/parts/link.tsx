import type { ComponentChildren } from 'preact';
import { useContext } from 'preact/hooks';
import { AppContext } from '../lib/context.ts';
import { navigate } from '../lib/router.ts';
import { href } from '../state/routes.ts';

/** The parameters of a link, with the organization for somebody who has several. */
export function useHref(): (parts: readonly string[], query?: Record<string, string | undefined>) => string {
	const app = useContext(AppContext);
	const several = (app?.me.orgs.length ?? 0) > 1;
	return (parts, query = {}) => href(parts, several ? { ...query, org: app?.org } : query);
}

/** A link to a view. */
export function Link(props: {
	readonly to: readonly string[];
	readonly query?: Record<string, string | undefined>;
	readonly children: ComponentChildren;
	readonly class?: string;
	readonly current?: boolean;
	readonly label?: string;
}) {
	const url = useHref()(props.to, props.query);
	return (
		<a
			href={url}
			class={props.class}
			aria-current={props.current ? 'page' : undefined}
			aria-label={props.label}
			onClick={(event) => {
				if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
				event.preventDefault();
				void navigate(url);
			}}
		>
			{props.children}
		</a>
	);
}
