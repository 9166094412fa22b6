import { annotationsSection } from './annotations.ts';
import { codeVariablesSection } from './code-variables.ts';
import { decisionsSection } from './decisions.ts';
import { exitCodesSection } from './exit-codes.ts';
import { formatsSection } from './formats.ts';
import { injectedSection } from './injected.ts';
import { blocks } from './markdown.ts';
import { variablesSection } from './variables.ts';
import { vaultSection } from './vault.ts';

/** The whole page docs/reference.md, made from the tables that the programs themselves use. */
export function referencePage(): string {
	return `${blocks(
		'<!-- Made by `make docs` from the tables in the code. Change those, not this page. -->',
		'# Reference',
		'Everything on this page is generated from the tables that the programs themselves use; `make check` fails when they differ.',
		annotationsSection(),
		formatsSection(),
		codeVariablesSection(),
		vaultSection(),
		injectedSection(),
		decisionsSection(),
		exitCodesSection(),
		variablesSection(),
	)}\n`;
}
