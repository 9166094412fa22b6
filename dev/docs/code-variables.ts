import { CODE_VARIABLES } from '../../contract/code-variables.ts';
import { ANNOTATION_PREFIX } from '../../contract/names.ts';
import { blocks, code, table } from './markdown.ts';

/** The section about variables by which programs run code. */
export function codeVariablesSection(): string {
	return blocks(
		'## Variables that run code',
		`A secret does not become one of these variables unless the pod names it in ${code(`${ANNOTATION_PREFIX}allow`)}; the secrets API does not create one without ${code('force')}. Envtier compares the names that a container sees, after ${code(`${ANNOTATION_PREFIX}keys`)} and ${code(`${ANNOTATION_PREFIX}prefix`)}. It ignores the case of npm’s names. [Security](security.md#secrets-that-run-code) gives the reasons.`,
		table(
			['variable', 'what it does', 'source'],
			CODE_VARIABLES.map(({ names, effect, source }) => [names.map(code).join(', '), effect, source]),
		),
	);
}
