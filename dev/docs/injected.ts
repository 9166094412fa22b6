import { INJECTED } from '../../contract/names.ts';
import { blocks, code, table } from './markdown.ts';

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
	);
}
