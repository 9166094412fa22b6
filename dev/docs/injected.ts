import { INJECTED } from '../../contract/names.ts';
import { FETCHER_FIELDS, type FieldRule, SECURITY_FIELDS } from '../../webhook/patch/fetcher-fields.ts';
import { blocks, code, prose, table } from './markdown.ts';

/** The section about names that a pod must not use. */
export function injectedSection(): string {
	return blocks(
		'## What injection adds to a pod',
		table(
			['what', 'name', 'where it appears'],
			[
				['init container', code(INJECTED.container), 'among the init containers, first by default'],
				[
					'in-memory volume',
					code(INJECTED.volume),
					`in the fetcher at ${code(INJECTED.outDir)}; in the chosen containers, read-only, at the directory of \`envtier.dev/path\``,
				],
				[
					'projected token',
					code(INJECTED.tokenVolume),
					`only in the fetcher, at ${code(`${INJECTED.tokenDir}/${INJECTED.tokenFile}`)}`,
				],
			],
		),
		'If containers of one pod run as different users, each further user gets its own init container and volume, with `-{uid}` after the name.',
		...otherWebhooks(),
	);
}

const BECOMES: Readonly<Record<FieldRule['rule'], string>> = {
	ours: 'is set to Envtier’s value',
	removed: 'is removed',
	kept: 'stays',
	checked: 'stays in part',
};

/** How a second review treats changes of other webhooks (ADR 40). */
function otherWebhooks(): readonly string[] {
	const rows = (fields: Readonly<Record<string, FieldRule>>, before: string) =>
		Object.entries(fields).map(([name, { rule, why }]) => [code(before + name), BECOMES[rule], prose(why)]);
	return [
		'### What other webhooks may change',
		'If another webhook has changed a pod after Envtier, the API server calls Envtier again. Parts that others added stay. Envtier sets its own volumes, and the mounts, variables and wrappers of the containers that get secrets, to what it would inject now. In its init containers the result depends on the field:',
		table(
			['field', 'change of another webhook', 'reason'],
			[...rows(FETCHER_FIELDS, ''), ...rows(SECURITY_FIELDS, 'securityContext.')],
		),
		'With `envtier.dev/init-order: first`, Envtier moves a fetcher before every init container that gets secrets. With `last`, it moves the fetcher to the end. Other containers keep their order.',
	];
}
