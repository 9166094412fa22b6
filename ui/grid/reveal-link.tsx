import { useApp } from '../lib/context.ts';
import { CopyButton } from '../parts/copy.tsx';
import {
	type OldVersion,
	restoreCommand,
	restoreQuery,
	revealQuery,
	type SecretPlace,
} from '../state/texts.ts';
import type { Column } from '../state/types.ts';

/** Where a secret is, for a link or a command. */
export function placeOf(org: string, deployment: string, { tier, service }: Column): SecretPlace {
	return tier === 'org' ? { org } : { deployment, service };
}

/** Leads to the page of the Reveal program, on its own origin. This page never has a value. */
export function RevealLink(props: { readonly place: SecretPlace; readonly name: string }) {
	const { config } = useApp();
	if (config.revealUrl === '') return null;
	const url = new URL(`/ui/reveal?${revealQuery(props.name, props.place)}`, config.revealUrl);
	return (
		<a class="button" href={url.href} target="_blank" rel="noopener noreferrer">
			Show the value …
		</a>
	);
}

/** Leads to the page that writes an old value again, and has the command that does the same. */
export function RestoreLink(props: {
	readonly place: SecretPlace;
	readonly name: string;
	readonly old: OldVersion;
	/** Called when the person comes back from that page. */
	readonly onBack: () => void;
}) {
	const { config } = useApp();
	const { place, name, old, onBack } = props;
	if (config.revealUrl === '') return null;
	const url = new URL(`/ui/reveal?${restoreQuery(name, place, old)}`, config.revealUrl);
	return (
		<div class="row wrap">
			<a
				class="button small"
				href={url.href}
				target="_blank"
				rel="noopener noreferrer"
				onClick={() => addEventListener('focus', onBack, { once: true })}
			>
				Restore version {old.version} …
			</a>
			<CopyButton text={restoreCommand(name, old.version, place)} label="Copy the command" />
		</div>
	);
}
