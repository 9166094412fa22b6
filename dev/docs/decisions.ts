import { INJECT_REASONS, REJECT_REASONS, SKIP_REASONS } from '../../webhook/admission/reasons.ts';
import { blocks, code, prose, table } from './markdown.ts';

/** The section about the webhook's responses. */
export function decisionsSection(): string {
	return blocks(
		'## Decisions of the webhook',
		'Every call gets one of three decisions. The webhook’s log has it, and so has the API server’s audit log, as annotations of the webhook: `decision` (`inject`, `skip` or `reject`) and `reason`. An injection also has `role`, `tiers` and `fetchers`, and `reconciled` if it changed parts of an earlier injection. The reasons are stable identifiers.',
		'### Refusals',
		'The pod is not created. Its creator gets a message with the details. [Troubleshooting](troubleshooting.md#refusals) shows each one.',
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
		'### Skipped pods',
		table(
			['reason', 'meaning'],
			Object.entries(SKIP_REASONS).map(([name, { meaning }]) => [code(name), prose(meaning)]),
		),
	);
}
