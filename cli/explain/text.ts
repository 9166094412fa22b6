import type { Style, Terminal } from '../../lib/terminal.ts';
import { type DiffLine, podDiff } from './diff.ts';
import type { ExplainSettings } from './settings.ts';
import type { Subject } from './subjects.ts';
import type { Injection, Verdict } from './verdict.ts';

const STYLE_OF: Readonly<Record<Verdict['decision'], Style>> = {
	inject: 'good',
	skip: 'warning',
	reject: 'bad',
};

/** `Deployment shop/web`, or `Rollout shop/web (spec.template)`. */
function titleOf({ kind, namespace, name, at }: Subject): string {
	return `${kind} ${namespace}/${name}${at === undefined ? '' : ` (${at})`}`;
}

/**
 * All verdicts as a page for people: each with its reason or its diff, then a summary if there are several.
 *
 * @param policy true: the page also says which of policy and webhook injects
 */
export function page(verdicts: readonly Verdict[], paint: Terminal['paint'], policy: boolean): string {
	const parts = verdicts.map((verdict) => verdictLines(verdict, paint, policy).join('\n'));
	if (verdicts.length > 1) parts.push(summary(verdicts, paint));
	return `${parts.join('\n\n')}\n`;
}

function verdictLines(verdict: Verdict, paint: Terminal['paint'], policy: boolean): readonly string[] {
	const { subject, decision, reason, message, cure, warnings, hints, injection } = verdict;
	const word = paint(STYLE_OF[decision], decision) + (reason === undefined ? '' : ` (${reason})`);
	const note = (name: string, text: string | undefined, style: Style = 'faint'): readonly string[] =>
		text === undefined ? [] : [`  ${paint(style, `${name}:`)} ${text}`];
	return [
		`${paint('title', titleOf(subject))}: ${word}`,
		...note('from', verdict.subject.place),
		...note('why', message),
		...note('cure', cure),
		...hints.flatMap((hint) => note('hint', hint, 'warning')),
		...warnings.flatMap((warning) => note('warning', warning, 'warning')),
		...(injection === undefined
			? []
			: [
					...note('injected by', policy ? injectorOf(injection) : undefined),
					...note('Vault role', injection.role),
					...note('tiers', injection.tiers.join(', ')),
					...note('allows', injection.allow.join(', ') || undefined, 'warning'),
					...note('empty values', injection.empty === 'refuse' ? undefined : injection.empty),
					...note('sealed', injection.sealed.join(', ') || undefined),
					...note('composed', injection.composed.join(', ') || undefined),
					...note('leases', injection.leases.join(', ') || undefined),
					...note(
						'fetchers',
						injection.fetchers.map(({ container, user }) => `${container} as UID ${user}`).join(', '),
					),
					'',
					...podDiff(subject.pod, injection.pod, titleOf(subject)).map((line) => painted(line, paint)),
				]),
	];
}

/** The component that injects. Without a webhook, pods that the policy leaves out are refused. */
function injectorOf({ leftByPolicy }: Injection): string {
	return leftByPolicy === undefined
		? 'the admission policy, without the webhook'
		: `the webhook, for the policy leaves it: ${leftByPolicy}. Where no webhook is installed, the pod is refused`;
}

function painted({ style, text }: DiffLine, paint: Terminal['paint']): string {
	return style === undefined ? text : paint(style, text);
}

function summary(verdicts: readonly Verdict[], paint: Terminal['paint']): string {
	const rows = verdicts.map((verdict) => ({ title: titleOf(verdict.subject), ...verdict }));
	const width = Math.max(...rows.map(({ title }) => title.length));
	const counts = (['inject', 'skip', 'reject'] as const)
		.map((kind) => [kind, rows.filter(({ decision }) => decision === kind).length] as const)
		.filter(([, count]) => count > 0)
		.map(([kind, count]) => `${count} ${kind}`);
	return [
		paint('title', `${rows.length} objects: ${counts.join(', ')}`),
		...rows.map(({ title, decision, reason }) =>
			`  ${title.padEnd(width)}  ${paint(STYLE_OF[decision], decision.padEnd(6))}  ${reason ?? ''}`.trimEnd(),
		),
	].join('\n');
}

/** Notes about the settings on which the verdicts depend. */
export function settingsNotes({ source, placeholders }: ExplainSettings): readonly string[] {
	if (placeholders.length === 0) return [];
	const stand = placeholders.length === 1 ? 'a placeholder stands' : 'placeholders stand';
	return [
		`${placeholders.join(' and ')} not set (${source}): ${stand} in; --settings FILE takes the webhook’s own settings`,
	];
}
