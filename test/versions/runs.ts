import { hasPolicies, OTHER_KUBERNETES } from '../support/kubernetes/versions.ts';
import { OPENBAO } from '../support/openbao-binary.ts';

/** One run of tests on a version of somebody else's server. */
export interface VersionRun {
	/** What ONLY names: `1.37` or `2.6.1`. */
	readonly version: string;
	/** For the table. */
	readonly name: string;
	readonly env: Readonly<Record<string, string>>;
	/** What follows `vitest run`. */
	readonly args: readonly string[];
}

/** Beside the one that all other tests run on. */
const OTHER_OPENBAO = ['2.6.1'];

/** What is tested on OpenBao: the answers that Envtier relies on, and the fetcher. */
const ON_OPENBAO = ['--project', 'plain', 'test/vault', 'test/contract', 'test/fetcher'];

/** Tests of mutating policies choose a newer version by themselves, which has a run of its own. */
const WITHOUT_POLICIES = ['--exclude', 'test/cluster/apiserver/policy-*.test.ts'];

/** Every version, the newest first. `make test` has the pinned Kubernetes. */
export const RUNS: readonly VersionRun[] = [
	...Object.entries(OTHER_KUBERNETES)
		.reverse()
		.map(([version, release]) => ({
			version,
			name: `Kubernetes ${release.version.slice(1)}`,
			env: { ENVTIER_TEST_KUBERNETES: version },
			args: ['--project', 'apiserver', ...(hasPolicies(release) ? [] : WITHOUT_POLICIES)],
		})),
	...[OPENBAO, ...OTHER_OPENBAO].map((version) => ({
		version,
		name: `OpenBao ${version}`,
		env: { ENVTIER_TEST_OPENBAO: version },
		args: ON_OPENBAO,
	})),
];

/** Those that ONLY names, with commas between them; all without it. Throws on a name that there is not. */
export function chosenRuns(only = ''): readonly VersionRun[] {
	const names = only.split(',').filter((name) => name !== '');
	for (const name of names) {
		if (RUNS.some(({ version }) => version === name)) continue;
		throw new Error(`ONLY=${name}: there are ${RUNS.map(({ version }) => version).join(', ')}`);
	}
	return names.length === 0 ? RUNS : RUNS.filter(({ version }) => names.includes(version));
}

/** What a run came to. */
export interface Outcome {
	readonly name: string;
	readonly passed: number;
	readonly failed: number;
	readonly skipped: number;
	readonly minutes: number;
}

/**
 * Reads the last line of a run (test/support/reporter.ts). A run without it, or with an exit code other than
 * 0 and no failure, counts as one failure.
 */
export function outcomeOf(name: string, output: string, code: number | null, minutes: number): Outcome {
	const last = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(output.slice(-1000));
	const [passed = 0, failed = 0, skipped = 0] = (last ?? []).slice(1).map(Number);
	const hidden = failed === 0 && (code !== 0 || last === null) ? 1 : 0;
	return { name, passed, failed: failed + hidden, skipped, minutes };
}

/** The table of all runs. */
export function table(outcomes: readonly Outcome[]): string {
	const rows = outcomes.map(({ name, passed, failed, skipped, minutes }) =>
		[name, passed, failed, skipped, minutes.toFixed(1)].map(String),
	);
	const all = [['version', 'passed', 'failed', 'skipped', 'minutes'], ...rows];
	const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
	return all
		.map(([first = '', ...numbers]) =>
			[first.padEnd(widths[0] ?? 0), ...numbers.map((text, i) => text.padStart(widths[i + 1] ?? 0))].join(
				'  ',
			),
		)
		.join('\n');
}
