/** Annotations that make a pod receive the secrets of a service, as YAML. */
export function annotationsFor(deployment: string, service: string): string {
	const lines = [
		'metadata:',
		'  annotations:',
		`    envtier.dev/deployment: ${deployment}`,
		...(service === '' ? [] : [`    envtier.dev/service: ${service}`]),
	];
	return `${lines.join('\n')}\n`;
}

/** The command that says which pods use a secret. The API has no rights on pods. */
export function consumersCommand(key: string, deployment: string, service = ''): string {
	const of = service === '' ? '' : ` --service ${service}`;
	return `envtier consumers ${key} --deployment ${deployment}${of}`;
}

/** Where a secret is, for a command. */
export type SecretPlace =
	| { readonly org: string }
	| { readonly deployment: string; readonly service: string };

function placeFlags(place: SecretPlace): string {
	if ('org' in place) return `--org ${place.org}`;
	return `--deployment ${place.deployment}${place.service === '' ? '' : ` --service ${place.service}`}`;
}

/** The parameters with which the page of the Reveal program shows a secret. */
export function revealQuery(key: string, place: SecretPlace): string {
	if ('org' in place) return new URLSearchParams({ org: place.org, key }).toString();
	const { deployment, service } = place;
	return new URLSearchParams({ deployment, ...(service === '' ? {} : { service }), key }).toString();
}

/** An old version of a secret, and what is current as the person sees it. */
export interface OldVersion {
	readonly id: string;
	readonly version: number;
	readonly expected: number;
}

/** The parameters with which the page of the Reveal program restores an old version. */
export function restoreQuery(key: string, place: SecretPlace, { id, version, expected }: OldVersion): string {
	const about = { id, version: String(version), expected: String(expected), restore: 'true' };
	return `${revealQuery(key, place)}&${new URLSearchParams(about)}`;
}

/** The command that writes an old value as a new version. */
export function restoreCommand(key: string, version: number, place: SecretPlace): string {
	return `envtier secrets restore ${key} ${version} ${placeFlags(place)}`;
}

/** Rows as CSV (RFC 4180). A cell that a spreadsheet would run as a formula gets an apostrophe. */
export function csvOf(header: readonly string[], rows: readonly (readonly string[])[]): string {
	return [header, ...rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('');
}

function csvCell(text: string): string {
	const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
	return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/** A sentence with a capital letter and a full stop, as the API's errors are shown. */
export function sentence(text: string): string {
	const trimmed = text.trim();
	if (trimmed === '') return '';
	const start = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
	return /[.!?…]$/.test(start) ? start : `${start}.`;
}
