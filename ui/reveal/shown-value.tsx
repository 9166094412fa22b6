import { useEffect, useState } from 'preact/hooks';
import type { Revealed } from './client.ts';
import { clock, visible } from './target.ts';

/** How long a value is shown, in ms. */
const SHOWN = 30_000;

/** One value, until the time is over or the person looks elsewhere. */
export function ShownValue({ revealed, hide }: { readonly revealed: Revealed; readonly hide: () => void }) {
	const [ends] = useState(() => Date.now() + SHOWN);
	const [left, setLeft] = useState(SHOWN);
	const [note, setNote] = useState('');
	useEffect(() => {
		const tick = setInterval(() => {
			setLeft(ends - Date.now());
			if (Date.now() >= ends) hide();
		}, 250);
		const hidden = (): void => {
			if (document.visibilityState === 'hidden') hide();
		};
		addEventListener('blur', hide);
		addEventListener('pagehide', hide);
		document.addEventListener('visibilitychange', hidden);
		return () => {
			clearInterval(tick);
			removeEventListener('blur', hide);
			removeEventListener('pagehide', hide);
			document.removeEventListener('visibilitychange', hidden);
		};
	}, []);
	const copy = async (): Promise<void> => {
		try {
			await navigator.clipboard.writeText(revealed.value);
			setNote('Copied. It stays on the clipboard until you copy something else.');
		} catch {
			setNote('The browser did not allow it: select the value and copy it.');
		}
	};
	return (
		<section class="card" aria-label="The value">
			<pre class="shown-value" role="region" aria-label="Value" tabIndex={0}>
				{visible(revealed.value)}
			</pre>
			<div class="row wrap">
				<button type="button" class="button primary" onClick={() => void copy()}>
					Copy
				</button>
				<button type="button" class="button" onClick={hide}>
					Hide
				</button>
				<span class="hint">
					Version {revealed.version}. Hidden in {clock(left)}, or when you leave this window.
				</span>
			</div>
			<p class="hint" role="status">
				{note}
			</p>
		</section>
	);
}
