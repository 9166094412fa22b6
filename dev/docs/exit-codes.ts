import { EXIT_CODES } from '../../contract/exit-codes.ts';
import { blocks, code, prose, table } from './markdown.ts';

/** The section about the fetcher's exit codes. */
export function exitCodesSection(): string {
	return blocks(
		'## Exit codes of the fetcher',
		'`kubectl describe pod` shows the code and a termination message, which says what failed and what to do. The log has the name.',
		table(
			['code', 'name', 'meaning', 'first thing to try'],
			Object.entries(EXIT_CODES).map(([name, exit]) => [
				String(exit.code),
				code(name),
				prose(exit.meaning),
				exit.cure === '' ? '—' : prose(exit.cure),
			]),
		),
	);
}
