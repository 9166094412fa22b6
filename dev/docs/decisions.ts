import { INJECT_REASONS, REJECT_REASONS, SKIP_REASONS } from '../../webhook/admission/reasons.ts';
import { blocks, code, prose, table } from './markdown.ts';

/** The reference's part on what the webhook answers. */
export function decisionsSection(): string {
	return blocks(
		'## Decisions of the webhook',
		'Every call ends in one of three decisions, written to the webhook’s log and to the API server’s audit log as annotations of the webhook: `decision` (`inject`, `skip` or `reject`) and `reason`, or for an injection `role`, `tiers` and `fetchers` (and `reconciled`: what was changed of an earlier injection). The reasons are stable words.',
		'### Refusals',
		'The pod is not created. Whoever creates it sees the message, which says what is wrong in this very case. [Troubleshooting](troubleshooting.md#refusals) shows each one.',
		table(
			['reason', 'meaning', 'cure'],
			Object.entries(REJECT_REASONS).map(([name, { meaning, cure }]) => [
				`[${code(name)}](troubleshooting.md#${name})`,
				prose(meaning),
				prose(cure),
			]),
		),
		'### Injections',
		table(
			['reason', 'meaning'],
			Object.entries(INJECT_REASONS).map(([name, { meaning }]) => [code(name), prose(meaning)]),
		),
		'### Pods left as they are',
		table(
			['reason', 'meaning'],
			Object.entries(SKIP_REASONS).map(([name, { meaning }]) => [code(name), prose(meaning)]),
		),
	);
}
