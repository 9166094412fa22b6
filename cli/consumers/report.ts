import type { Terminal } from '../../lib/terminal.ts';
import { table } from '../table.ts';
import type { Consumers } from './find.ts';

/** The consumers as a table, for people. */
export function consumersText(
	{ consumers, unlisted }: Consumers,
	namespace: string | undefined,
	paint: Terminal['paint'],
): string {
	const place = namespace === undefined ? 'the namespaces' : `the namespace ${namespace}`;
	if (consumers.length > 0) {
		const rows = consumers.map((one) => [
			...[one.namespace, one.workload, one.pod || 'no pod now', one.result.replace('-', ' ')],
			one.version === 'unknown' ? 'unknown' : `${one.version} of ${one.versionCreatedAt}`,
			one.why,
		]);
		return table(['NAMESPACE', 'WORKLOAD', 'POD', 'RESULT', 'STARTED WITH', 'WHY'], rows, paint);
	}
	// Whoever may not see a consumer must not take it for none.
	if (unlisted.length > 0) return '';
	return `no pod and no workload in ${place} of this cluster names the deployment\n`;
}

/** A line for each place where there may be more. */
export function unknownText(unlisted: readonly string[]): string {
	const all = [...unlisted, 'other clusters, and whoever reads Vault without Envtier'];
	return all.map((problem) => `unknown: ${problem}\n`).join('');
}
