import { useEffect, useState } from 'preact/hooks';
import { clock } from './target.ts';

/** An elevation of this page. */
export type Elevated =
	| { readonly kind: 'none' }
	/** The program refused a value until there is one. */
	| { readonly kind: 'needed' }
	| { readonly kind: 'pending'; readonly id: string }
	| { readonly kind: 'active'; readonly ends: number };

/** Asks for an elevation, and shows how long it lasts. */
export function ElevationPanel(props: {
	readonly elevated: Elevated;
	readonly approveCommand: (id: string) => string;
	readonly start: () => void;
	readonly end: () => void;
	readonly over: () => void;
}) {
	const { elevated, start, end, over } = props;
	const left = useLeft(elevated, over);
	if (elevated.kind === 'none') return null;
	if (elevated.kind === 'needed')
		return (
			<div class="note" role="status">
				<p>
					You hold a role in the organization, so you need an elevation to see this value. Its managers are
					told, with your reason.
				</p>
				<div>
					<button type="button" class="button" onClick={start}>
						Start an elevation
					</button>
				</div>
			</div>
		);
	if (elevated.kind === 'pending')
		return (
			<div class="note" role="status">
				<p>A second person must approve it: a manager or an administrator, with this command.</p>
				<pre class="code">
					<code>{props.approveCommand(elevated.id)}</code>
				</pre>
				<p>Then show the value.</p>
			</div>
		);
	return (
		<div class="note" role="status">
			<p>Your elevation ends in {clock(left)}.</p>
			<div>
				<button type="button" class="button" onClick={end}>
					End it now
				</button>
			</div>
		</div>
	);
}

/** The ms that are left of an active elevation. */
function useLeft(elevated: Elevated, over: () => void): number {
	const ends = elevated.kind === 'active' ? elevated.ends : 0;
	const [now, setNow] = useState(Date.now());
	useEffect(() => {
		if (ends === 0) return undefined;
		setNow(Date.now());
		const tick = setInterval(() => {
			setNow(Date.now());
			if (Date.now() >= ends) over();
		}, 500);
		return () => clearInterval(tick);
	}, [ends]);
	return ends - now;
}
