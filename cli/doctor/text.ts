import type { Style, Terminal } from '../../lib/terminal.ts';
import type { Check, CheckStatus } from './check.ts';

/** A group of checks with a title. */
export interface Section {
	readonly title: string;
	readonly checks: readonly Check[];
}

const STYLE_OF: Readonly<Record<CheckStatus, Style>> = {
	ok: 'good',
	warn: 'warning',
	fail: 'bad',
	skip: 'faint',
};

/** The number of checks with each status. */
export function tally(checks: readonly Check[]): Readonly<Record<CheckStatus, number>> {
	const count = (status: CheckStatus): number => checks.filter((check) => check.status === status).length;
	return { ok: count('ok'), warn: count('warn'), fail: count('fail'), skip: count('skip') };
}

/** All checks, one per line, each remedy below its check. */
export function page(sections: readonly Section[], paint: Terminal['paint']): string {
	const parts = sections.map(({ title, checks }) =>
		[paint('title', title), ...checks.flatMap((check) => lines(check, paint))].join('\n'),
	);
	const { ok, warn, fail, skip } = tally(sections.flatMap(({ checks }) => checks));
	const last = `${ok} ok, ${warn} warnings, ${fail} failed, ${skip} skipped`;
	return `${[...parts, paint(fail > 0 ? 'bad' : warn > 0 ? 'warning' : 'good', last)].join('\n\n')}\n`;
}

function lines({ status, id, message, cure }: Check, paint: Terminal['paint']): readonly string[] {
	const first = `  ${paint(STYLE_OF[status], status.padEnd(4))}  ${id}: ${message}`;
	return cure === undefined ? [first] : [first, `        ${paint('faint', 'cure:')} ${cure}`];
}
