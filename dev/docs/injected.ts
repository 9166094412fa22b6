import { INJECTED } from '../../contract/names.ts';
import { FETCHER_FIELDS, type FieldRule, SECURITY_FIELDS } from '../../webhook/patch/fetcher-fields.ts';
import { blocks, code, prose, table } from './markdown.ts';

/** The reference's part on the names that a pod must leave free. */
export function injectedSection(): string {
	return blocks(
		'## What injection adds to a pod',
		table(
			['what', 'name', 'where it appears'],
			[
				[
					'init container',
					code(INJECTED.container),
					'among the init containers, first unless told otherwise',
				],
				[
					'in-memory volume',
					code(INJECTED.volume),
					`in the fetcher at ${code(INJECTED.outDir)}; in the chosen containers, read-only, at the directory of \`envtier.dev/path\``,
				],
				[
					'projected token',
					code(INJECTED.tokenVolume),
					`in the fetcher alone, at ${code(`${INJECTED.tokenDir}/${INJECTED.tokenFile}`)}`,
				],
			],
		),
		'When containers of one pod run as different users, each further user gets an init container and a volume of its own, with `-{uid}` after the name.',
		...otherWebhooks(),
	);
}

const BECOMES: Readonly<Record<FieldRule['rule'], string>> = {
	ours: 'gets our value',
	removed: 'is taken out',
	kept: 'stays',
	checked: 'in part',
};

/** What becomes of changes by others at a further review (ADR 40). */
function otherWebhooks(): readonly string[] {
	const rows = (fields: Readonly<Record<string, FieldRule>>, before: string) =>
		Object.entries(fields).map(([name, { rule, why }]) => [code(before + name), BECOMES[rule], prose(why)]);
	return [
		'### What other webhooks may change',
		'When another webhook has changed a pod after Envtier, the API server asks Envtier again. What others added beside our parts stays. Our volumes, and the mounts, variables and wrappers of the containers that get secrets, become what would be injected now. In our init containers it depends on the field:',
		table(
			['field', 'what others put there', 'why'],
			[...rows(FETCHER_FIELDS, ''), ...rows(SECURITY_FIELDS, 'securityContext.')],
		),
		'With `envtier.dev/init-order: first` a fetcher that stands behind an init container which gets secrets is moved before it; with `last`, it is moved to the end. Other containers keep their order.',
	];
}
